package transport

import (
	_ "embed" // the document is part of the program
	"net/http"
	"strconv"
)

// documentPath is where the document is. It holds no secret, and is read without a
// token by programs that have none yet.
const documentPath = "/openapi.yaml"

// openAPI describes the API to programs. What it says is held to the handlers by
// a test.
//
//go:embed openapi.yaml
var openAPI []byte

// describe answers the document: its type is RFC 9512's.
func (s *Server) describe(c *call) (any, error) {
	h := c.w.Header()
	h.Set("Content-Type", "application/yaml")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(openAPI)))
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(openAPI) // the client may be gone; there is nobody to tell
	return nil, nil
}
