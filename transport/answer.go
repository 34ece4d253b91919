package transport

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// answer writes a JSON body, which a HEAD request is spared.
func answer(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; there is nobody to tell
}

// fail answers with an error in the form of Django REST framework.
func fail(w http.ResponseWriter, status int, detail string) {
	body, _ := json.Marshal(map[string]string{"detail": detail}) // strings always marshal
	answer(w, status, body)
}

// allowAnyOrigin lets pages from elsewhere ask: the test page may be opened
// from disk, and a token is nothing that a browser sends by itself. It answers
// a preflight and reports that it did.
func allowAnyOrigin(w http.ResponseWriter, r *http.Request, methods, headers string) (preflight bool) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", headers)
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
