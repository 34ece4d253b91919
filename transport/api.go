package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// apiPath is what every path of the API begins with.
	apiPath = "/api/v1"
	// apiHeaders are the request headers that a page from elsewhere may set.
	apiHeaders = "Authorization, Content-Type, Last-Event-ID"
	// presenceTimeout is how long a request waits for presence, which answers from
	// memory; then it is answered 503.
	presenceTimeout = 5 * time.Second
)

// route is one request that the API knows. Its handler returns what is sent as
// JSON, or nil when it has answered by itself.
type route struct {
	method string
	path   string // below apiPath; a segment {…} stands for any
	handle func(*Server, *call) (any, error)
	query  []string // the parameters that it has; another is answered 400
}

// routes is the API. openapi.yaml describes it, and a test holds the two together.
// Of two that fit, the first one counts.
var routes = []route{
	{http.MethodGet, "/presence", (*Server).listOnline, []string{"limit", "after", "prefix", "count"}},
	{http.MethodPost, "/presence/query", (*Server).queryUsers, nil},
	{http.MethodGet, streamPath, (*Server).stream, []string{"last_event_id", "emails"}},
	{http.MethodGet, "/presence/{email}", (*Server).showUser, nil},
	{http.MethodDelete, "/presence/{email}", (*Server).disconnectUser, []string{"reason"}},
	{http.MethodDelete, "/sessions/{id}", (*Server).disconnectSession, []string{"reason"}},
	{http.MethodPost, "/users/{email}/messages", (*Server).pushToUser, nil},
	{http.MethodPost, "/messages", (*Server).push, nil},
	{http.MethodGet, "/history", (*Server).listHistory, []string{"limit", "after", emailParameter, "from", "to"}},
	{http.MethodGet, documentPath, (*Server).describe, nil},
}

// call is one request to the API.
type call struct {
	*http.Request
	w       http.ResponseWriter
	segment string // of the path, where the route has {…}
}

// problem is what is wrong with a request, as its client is told.
type problem struct {
	status int
	detail string
}

// Error implements error.
func (p problem) Error() string { return p.detail }

// badValue says which parameter has a value that is none.
func badValue(parameter, why string) error {
	return problem{http.StatusBadRequest, parameter + ": " + why + "."}
}

var (
	errNoSuchUser = problem{http.StatusNotFound, "No such user."}
	errAbsent     = errors.New("this server does not have that part of presence")
)

// api answers everything under apiPath. The path is taken as it is sent, so that
// a segment may hold an escaped slash; and one with a slash at its end is another,
// or a user whose e-mail is empty would be everybody.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), apiPath)
	found, segment := find(path)
	methods := methodsOf(found)
	if allowAnyOrigin(w, r, methods, apiHeaders) {
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if path != documentPath && !s.authorized(w, r) {
		return
	}
	if len(found) == 0 {
		fail(w, http.StatusNotFound, "Not found.")
		return
	}
	h.Set("Allow", methods)
	for _, one := range found {
		if answersTo(one, r.Method) {
			s.handle(one, &call{r, w, segment})
			return
		}
	}
	fail(w, http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", r.Method))
}

// handle answers one call. What is no problem of the client's is one of ours,
// which passes.
func (s *Server) handle(one route, c *call) {
	var told any
	err := c.onlyParameters(one.query)
	if err == nil {
		told, err = one.handle(s, c)
	}
	var body []byte
	if err == nil && told != nil {
		body, err = json.Marshal(told)
	}
	// The body may have taken its time, and so may have the answer.
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(shortAnswerTimeout))
	wrong, ok := errors.AsType[problem](err)
	switch {
	case ok:
		if wrong.status == http.StatusServiceUnavailable {
			c.w.Header().Set("Retry-After", retryAfter)
		}
		fail(c.w, wrong.status, wrong.detail)
	case err != nil:
		if c.Context().Err() == nil { // else nobody waits for it
			s.config.Logger.Warn("request not answered", "method", one.method, "path", one.path, "error", err)
		}
		unavailable(c.w)
	case body != nil:
		answer(c.w, http.StatusOK, body)
	}
}

// find returns the routes of a path, and what stands there for {…}. One path is
// one resource: whatever else would fit behind the first is another.
func find(path string) (found []route, segment string) {
	for _, one := range routes {
		if len(found) > 0 {
			if one.path == found[0].path {
				found = append(found, one)
			}
			continue
		}
		if got, ok := fits(one.path, path); ok {
			found, segment = append(found, one), got
		}
	}
	return found, segment
}

// fits compares a path with that of a route. A segment that is empty, or escaped
// badly, fits nothing.
func fits(pattern, path string) (segment string, ok bool) {
	wanted, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(wanted) != len(got) {
		return "", false
	}
	for i, w := range wanted {
		if w == got[i] {
			continue
		}
		plain, err := url.PathUnescape(got[i])
		if !strings.HasPrefix(w, "{") || plain == "" || err != nil {
			return "", false
		}
		segment = plain
	}
	return segment, true
}

// answersTo reports whether a route is for a method. HEAD is GET without the
// body, which a stream has no use for: it would never end.
func answersTo(one route, method string) bool {
	return method == one.method ||
		method == http.MethodHead && one.method == http.MethodGet && one.path != streamPath
}

// methodsOf is what a resource allows, as a header has it.
func methodsOf(found []route) string {
	var methods []string
	for _, one := range found {
		methods = append(methods, one.method)
		if answersTo(one, http.MethodHead) {
			methods = append(methods, http.MethodHead)
		}
	}
	return strings.Join(methods, ", ")
}
