package transport

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"
)

const (
	// maxBody is the most that a request may send: a thousand long e-mails fit. More
	// is answered 413.
	maxBody = 1 << 20
	// bodyTimeout is how long a client may take to send it; then it is answered 408
	// and cut off.
	bodyTimeout = 10 * time.Second
)

// read reads a JSON body, whose members must be among those that are named.
func (c *call) read(names ...string) (object, error) {
	media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, problem{http.StatusUnsupportedMediaType, "The body must be application/json."}
	}
	text, err := c.body()
	if err != nil {
		return nil, err
	}
	return readObject(text, names)
}

// body gives the client time to send what it has announced. Nobody else has:
// see visitors.answering.
func (c *call) body() ([]byte, error) {
	tooLarge := problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("The body may have %d bytes.", maxBody)}
	if c.ContentLength > maxBody {
		return nil, tooLarge
	}
	control := http.NewResponseController(c.w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	text, err := io.ReadAll(http.MaxBytesReader(c.w, c.Body, maxBody))
	if err != nil { // what is left of it is not waited for
		_ = control.SetReadDeadline(time.Now())
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.w.Header().Set("Connection", "close")
		return nil, problem{http.StatusRequestTimeout, fmt.Sprintf("The body did not come within %s.", bodyTimeout)}
	case err != nil:
		return nil, badValue("body", "was cut short")
	}
	return text, nil
}
