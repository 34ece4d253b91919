package transport

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Whoever asks for what is not there, or in another way, is told so in the words
// of the list; and nobody is told anything without a token.
func TestAPIAnswersOnlyWhatItKnows(t *testing.T) {
	p := startAPI(t)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "", 404, ""},
		{"GET", "/", 404, ""},
		{"GET", "/nothing", 404, ""},
		{"GET", "/presence//", 404, ""},
		{"GET", "/presence/", 404, ""}, // a user whose e-mail is empty is not everybody
		{"GET", "/history/", 404, ""},
		{"POST", "/presence/query/", 404, ""},
		{"GET", "/presence/user@example.com/", 404, ""},
		{"GET", "/presence/user@example.com", 200, "GET, HEAD, DELETE"},
		{"HEAD", "/presence", 200, "GET, HEAD"},
		{"POST", "/presence", 405, "GET, HEAD"},
		{"GET", "/presence/query", 405, "POST"},
		{"HEAD", "/presence/stream", 405, "GET"},
		{"PUT", "/presence/user@example.com", 405, "GET, HEAD, DELETE"},
		{"GET", "/messages", 405, "POST"},
		{"GET", "/sessions/1", 405, "DELETE"},
		{"FOO", "/history", 405, "GET, HEAD"},
	} {
		answer, body := p.exchange(c.method, c.path, "", nil)
		if answer.StatusCode != c.status || answer.Header.Get("Allow") != c.allow {
			t.Errorf("%s %q is answered %d, Allow %q: %s", c.method, c.path, answer.StatusCode, answer.Header.Get("Allow"), body)
		}
		if c.status >= 400 && c.method != "HEAD" && !strings.HasPrefix(body, `{"detail":"`) {
			t.Errorf("%s %q is answered %q", c.method, c.path, body)
		}
		answer, body = p.exchange(c.method, c.path, "", http.Header{"Authorization": {"Bearer x"}})
		if answer.StatusCode != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") != "Token" {
			t.Errorf("%s %q without a token is answered %d: %s", c.method, c.path, answer.StatusCode, body)
		}
	}
}

// A page from elsewhere asks first whether it may, and must be told of every
// header that it needs.
func TestAPIMayBeAskedFromAnywhere(t *testing.T) {
	p := startAPI(t)
	for path, methods := range map[string]string{"/messages": "POST", "/presence/a@example.com": "GET, HEAD, DELETE", "/presence/stream": "GET"} {
		answer, _ := p.exchange("OPTIONS", path, "", http.Header{"Origin": {"null"}, "Access-Control-Request-Method": {"POST"}})
		h := answer.Header
		if answer.StatusCode != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != "*" ||
			h.Get("Access-Control-Allow-Methods") != methods || h.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type, Last-Event-ID" {
			t.Errorf("the preflight of %s is answered %d %v", path, answer.StatusCode, h)
		}
	}
	if answer, _ := p.exchange("GET", "/presence", "", nil); answer.Header.Get("Access-Control-Allow-Origin") != "*" ||
		answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the headers are %v", answer.Header)
	}
}

// A server that is given no more than presence answers what that can, and says of
// the rest that it cannot; nothing crashes.
func TestPartsThatAreMissingAreUnavailable(t *testing.T) {
	p := startAPI(t, func(c *Config) { c.Reaching, c.Watching, c.History = nil, nil, nil })
	for path, status := range map[string]int{
		"/presence": 200, "/presence/user@example.com": 503, "/presence/stream": 503, "/history": 503, "/openapi.yaml": 200,
	} {
		if answer, body := p.exchange("GET", path, "", nil); answer.StatusCode != status {
			t.Errorf("%s is answered %d %.100s", path, answer.StatusCode, body)
		}
	}
	for path, body := range map[string]string{"/presence/query": `{"emails":["a"]}`, "/messages": `{"message":1}`} {
		if answer, _ := p.exchange("POST", path, body, nil); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s is answered %d", path, answer.StatusCode)
		}
	}
	for _, path := range []string{"/presence/user@example.com", "/sessions/00000000-0000-7000-8000-000000000000"} {
		if answer, _ := p.exchange("DELETE", path, "", nil); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s is answered %d", path, answer.StatusCode)
		}
	}
}

// A slip in a body must be told by its name, and never do something else: a list
// that is null or misspelt would be a message to everybody.
func TestBodyThatIsNotUnderstoodDoesNothing(t *testing.T) {
	p := startAPI(t)
	many := `{"emails":["x"` + strings.Repeat(`,"x"`, maxListed) + `]}`
	for _, c := range []struct {
		path, body string
		status     int
		detail     string
	}{
		{"/messages", `{"message":1,"emails":null}`, 400, "emails: must be a list."},
		{"/messages", `{"message":1,"email":["a"]}`, 400, `body: has a member "email", which is not known.`},
		{"/messages", `{"message":1,"Emails":["a"]}`, 400, `body: has a member "Emails", which is not known.`},
		{"/messages", `{"message":1,"emails":["a"],"emails":[]}`, 400, "emails: is there twice."},
		{"/messages", `{"message":1,"\u006dessage":2}`, 400, "message: is there twice."},
		{"/messages", `{"message":1,"emails":"a"}`, 400, "emails: must be a list."},
		{"/messages", `{"message":1,"emails":[1]}`, 400, "emails: must be a list of strings."},
		{"/messages", `{"message":1,"emails":[null]}`, 400, "emails: must be a list of strings."},
		{"/messages", `{"emails":[]}`, 400, "message: is missing."},
		{"/messages", `{}`, 400, "message: is missing."},
		{"/messages", ` `, 400, "body: is empty."},
		{"/messages", `{"message":1,}`, 400, "body: is not valid JSON at byte 14."},
		{"/messages", `{"message":1}{"message":2}`, 400, "body: is not valid JSON at byte 14."},
		{"/messages", `{"message":` + nested(maxDepth) + `}`, 400, "body: may be nested 10000 deep."},
		{"/messages", `{"message":"` + "\xff" + `"}`, 400, "body: is not UTF-8."},
		{"/messages", `{"message":1,"id":7}`, 400, "id: must be a string of 1 to 128 characters."},
		{"/messages", `{"message":1,"id":null}`, 400, "id: must be a string of 1 to 128 characters."},
		{"/messages", `{"message":1,"id":""}`, 400, "id: must be a string of 1 to 128 characters."},
		{"/messages", `{"message":1,"id":"` + strings.Repeat("x", maxPushID+1) + `"}`, 400, "id: must be a string of 1 to 128 characters."},
		{"/messages", `{"message":"` + strings.Repeat("x", maxPush) + `"}`, 413, "The message may have"},
		{"/messages", `{"message":"` + strings.Repeat("\u00fc", maxPush/6) + `"}`, 413, "The message may have"},
		{"/users/user@example.com/messages", `{"message":1,"emails":["a"]}`, 400, `body: has a member "emails", which is not known.`},
		{"/presence/query", `{}`, 400, "emails: is missing."},
		{"/presence/query", many, 400, "emails: may have 1000 e-mails at the most."},
	} {
		p.wantProblem("POST", c.path, c.body, c.status, c.detail)
	}
	for _, path := range []string{"/messages", "/users/user@example.com/messages", "/presence/query"} {
		for _, body := range []string{`[]`, `null`, `7`, `"emails"`} {
			p.wantProblem("POST", path, body, 400, "body: must be a JSON object.")
		}
		p.wantProblem("POST", path, `{"`, 400, "body: is not valid JSON at byte 2.")
	}
	if answer, _ := p.exchange("POST", "/messages", `{"message":1}`, http.Header{"Content-Type": nil}); answer.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a body that does not say what it is was answered %d", answer.StatusCode)
	}
	if len(p.reaching.frames) != 0 {
		t.Errorf("pushed were %q", p.reaching.frames)
	}
	if answer, text := p.exchange("POST", "/messages", `{"message":`+nested(maxDepth-1)+`}`, nil); answer.StatusCode != http.StatusOK {
		t.Errorf("a body that is nested as deep as it may be is answered %d %s", answer.StatusCode, text)
	}
}

// A parameter that nobody knows is one that was meant: whoever writes the e-mails of
// a message into the query must not reach everybody, nor follow them.
func TestParameterThatIsNotKnownIsRefused(t *testing.T) {
	p := startAPI(t)
	for _, c := range []struct{ method, path, body, name string }{
		{"POST", "/messages?emails=user@example.com", `{"message":1}`, "emails"},
		{"POST", "/users/user@example.com/messages?id=1", `{"message":1}`, "id"},
		{"POST", "/presence/query?=x", `{"emails":["a"]}`, ""},
		{"GET", "/presence/stream?email=user@example.com", "", "email"},
		{"GET", "/presence/stream?emails=a&Emails=b", "", "Emails"},
		{"GET", "/presence?prefix=a&%6cimits=1", "", "limits"},
		{"GET", "/presence/user@example.com?x", "", "x"},
		{"GET", "/history?user=user@example.com", "", "user"},
		{"GET", "/openapi.yaml?x", "", "x"},
		{"DELETE", "/presence/user@example.com?why=1", "", "why"},
		{"DELETE", "/sessions/" + p.reaching.users["user@example.com"].Sessions[0].ID.String() + "?why=1", "", "why"},
	} {
		p.wantProblem(c.method, c.path, c.body, http.StatusBadRequest, fmt.Sprintf("query: has a parameter %q, which is not known here.", c.name))
	}
	if len(p.reaching.frames) != 0 {
		t.Errorf("pushed were %q", p.reaching.frames)
	}
	for _, path := range []string{"/presence?", "/presence?&", "/presence?limit=&after=", "/history?limit=&after="} {
		if answer, body := p.exchange("GET", path, "", nil); answer.StatusCode != http.StatusOK {
			t.Errorf("%s, which asks for nothing that is not known, is answered %d %s", path, answer.StatusCode, body)
		}
	}
}

// Programs that read the document before they have a token would else be written
// without it.
func TestDocumentNeedsNoToken(t *testing.T) {
	p := startAPI(t)
	answer, text := p.exchange("GET", documentPath, "", http.Header{"Authorization": nil})
	if answer.StatusCode != http.StatusOK || text != string(openAPI) {
		t.Errorf("without a token the document is answered %d %.60s", answer.StatusCode, text)
	}
}

// nested is a list in a list, and so on.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
