package transport

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/rollcall/rollcall"
)

// document is the OpenAPI document that is served.
var document = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData(openAPI)
})

// A document that is none helps nobody: it must be what it says, and its examples
// must be what its schemas say.
func TestDocumentIsValidOpenAPI(t *testing.T) {
	doc := loaded(t)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("the document is OpenAPI %s", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Errorf("the document is not valid: %.400s", err)
	}
}

// What programs read of the API and what it does must not part: each has every
// route of the other, and every parameter of its query.
func TestDocumentHasEveryRouteAndNoOther(t *testing.T) {
	var served, described []string
	for _, one := range routes {
		served = append(served, fmt.Sprint(one.method, " ", one.path, " ", slices.Sorted(slices.Values(one.query))))
	}
	for path, item := range loaded(t).Paths.Map() {
		for method, operation := range item.Operations() {
			var query []string
			for _, p := range operation.Parameters {
				if p.Value.In == openapi3.ParameterInQuery {
					query = append(query, p.Value.Name)
				}
			}
			slices.Sort(query)
			described = append(described, fmt.Sprint(method, " ", path, " ", query))
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("served are\n%q\ndescribed are\n%q", served, described)
	}
}

// Each answer that the document promises is given, and each that is given was
// promised: exchange fails on one that was not, and on a body of another shape.
func TestEveryDescribedAnswerIsGiven(t *testing.T) {
	given := make(map[string]bool)
	note := func(p *apiServer, method, path, body string, header http.Header) {
		answer, _ := p.exchange(method, path, body, header)
		given[fmt.Sprint(routeOf(method, path), " ", answer.StatusCode)] = true
	}
	well, deaf := startAPI(t), startAPI(t)
	deaf.presence.mute, deaf.reaching.mute, deaf.watching.mute, deaf.history.away = true, true, true, true
	untrusted := startAPI(t)
	untrusted.tokens.away = true
	session := well.reaching.users["user@example.com"].Sessions[0].ID.String()
	long := `{"message":"` + strings.Repeat("x", maxPush) + `"}`
	for _, c := range []struct{ method, path, body, wrong string }{
		{"GET", "/presence", "", "?limit=0"},
		{"POST", "/presence/query", `{"emails":["user@example.com","nobody@example.com"]}`, ""},
		{"GET", "/presence/stream", "", "?emails="},
		{"GET", "/presence/user@example.com", "", "?emails="},
		{"DELETE", "/presence/user@example.com", "", "?reason=%ff"},
		{"DELETE", "/sessions/" + session, "", "?reason=%00"},
		{"POST", "/users/user@example.com/messages", `{"message":1}`, ""},
		{"POST", "/messages", `{"message":null}`, ""},
		{"GET", "/history", "", "?from=yesterday"},
		{"GET", "/openapi.yaml", "", "?limit=1"},
	} {
		note(well, c.method, c.path, c.body, nil)
		note(well, c.method, c.path, c.body, http.Header{"Authorization": {"Token other"}})
		note(untrusted, c.method, c.path, c.body, nil)
		note(deaf, c.method, c.path, c.body, nil)
		if c.wrong != "" {
			note(well, c.method, c.path+c.wrong, "", nil)
		}
		if c.body != "" {
			note(well, c.method, c.path, "{", nil)
			note(well, c.method, c.path, c.body, http.Header{"Content-Type": {"text/plain"}})
			note(well, c.method, c.path, strings.Repeat(" ", maxBody+1), nil)
			given[routeOf(c.method, c.path)+" 408"] = true // TestBodyThatDoesNotComeIsGivenUp
		}
	}
	note(well, "POST", "/messages", long, nil)
	note(well, "GET", "/presence/stream?emails="+strings.Repeat("x", 2*maxHead), "", nil)
	note(well, "GET", "/presence/nobody@example.com", "", nil)
	note(well, "DELETE", "/presence/nobody@example.com", "", nil)
	note(well, "DELETE", "/sessions/nobody", "", nil)
	note(well, "POST", "/users/nobody@example.com/messages", `{"message":1}`, nil)
	var described []string
	for path, item := range loaded(t).Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				described = append(described, method+" "+path+" "+status)
			}
		}
	}
	slices.Sort(described)
	if got := slices.Sorted(maps.Keys(given)); !slices.Equal(got, described) {
		t.Errorf("given are\n%s\nand described\n%s", strings.Join(got, "\n"), strings.Join(described, "\n"))
	}
}

// apiServer is a server with fakes behind its API. alice@example.com is a user who
// is not here, and user@example.com is here twice.
type apiServer struct {
	*testServer
	t        *testing.T
	reaching *fakeReaching
	history  *fakeHistory
	watching *fakeWatching
}

func startAPI(t *testing.T, change ...func(*Config)) *apiServer {
	t.Helper()
	p := &apiServer{t: t, reaching: &fakeReaching{}, watching: newFakeWatching()}
	p.history = &fakeHistory{users: []rollcall.Email{"user@example.com", "alice@example.com"}}
	p.reaching.online("user@example.com", noon, 2)
	p.testServer = start(t, append([]func(*Config){func(c *Config) {
		c.Reaching, c.History, c.Watching, c.MaxWatchers, c.Node = p.reaching, p.history, p.watching, 10, "here"
	}}, change...)...)
	return p
}

// noon is when everything happens here.
var noon = time.Date(2025, 10, 21, 12, 0, 0, 500_000, time.UTC)

// exchange makes one request, with a good token unless the header has another,
// and holds the answer to the document. Of a stream it reads the head alone.
func (p *apiServer) exchange(method, path, body string, header http.Header) (answer *http.Response, text string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.address+apiPath+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Token "+goodToken0)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(r.Header, header)
	if answer, err = http.DefaultTransport.RoundTrip(r); err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Header.Get("Content-Type") != "text/event-stream" {
		all, err := io.ReadAll(answer.Body)
		if err != nil {
			p.t.Fatalf("%s %s: %v", method, path, err)
		}
		text = string(all)
	}
	if method == http.MethodHead {
		return answer, text
	}
	if route := routeOf(method, path); route != "" {
		holdToDocument(p.t, route, answer, text)
	} else {
		holdToRefusal(p.t, method+" "+path, answer, text)
	}
	return answer, text
}

// get makes a request that must succeed, and reads its answer.
func (p *apiServer) get(method, path, body string, into any) {
	p.t.Helper()
	answer, text := p.exchange(method, path, body, nil)
	if answer.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s is answered %d %.200s", method, path, answer.StatusCode, text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		p.t.Fatalf("%s %s is answered %.200s: %v", method, path, text, err)
	}
}

// wantProblem makes a request that must fail so.
func (p *apiServer) wantProblem(method, path, body string, status int, detail string) {
	p.t.Helper()
	answer, text := p.exchange(method, path, body, nil)
	var told struct{ Detail string }
	err := json.Unmarshal([]byte(text), &told)
	if answer.StatusCode != status || err != nil || !strings.HasPrefix(told.Detail, detail) {
		p.t.Errorf("%s %s %.60s is answered %d %.200s, want %d %s", method, path, body, answer.StatusCode, text, status, detail)
	}
}

// routeOf names the operation that answers, as the document does; it is empty if
// there is none.
func routeOf(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	found, _ := find(path)
	for _, one := range found {
		if one.method == method {
			return method + " " + one.path
		}
	}
	return ""
}

// holdToDocument compares an answer with what the document says of it.
func holdToDocument(t *testing.T, route string, answer *http.Response, body string) {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	promised := loaded(t).Paths.Value(path).GetOperation(method).Responses.Status(answer.StatusCode)
	holdToResponse(t, route, promised, answer, body)
}

// refusals are the responses to whoever asks for no operation of the document.
var refusals = map[int]string{401: "Unauthorized", 404: "NoSuchPath", 405: "NotAllowed", 503: "Unavailable"}

func holdToRefusal(t *testing.T, what string, answer *http.Response, body string) {
	t.Helper()
	if answer.StatusCode == http.StatusNoContent { // a preflight, which is Fetch's
		return
	}
	holdToResponse(t, what, loaded(t).Components.Responses[refusals[answer.StatusCode]], answer, body)
}

func holdToResponse(t *testing.T, what string, promised *openapi3.ResponseRef, answer *http.Response, body string) {
	t.Helper()
	if promised == nil {
		t.Errorf("%s is answered %d, which is not described: %.200s", what, answer.StatusCode, body)
		return
	}
	for name, header := range promised.Value.Headers {
		if header.Value.Required && answer.Header.Get(name) == "" {
			t.Errorf("%s is answered %d without %s", what, answer.StatusCode, name)
		}
	}
	kind := answer.Header.Get("Content-Type")
	media := promised.Value.Content[kind]
	switch {
	case media == nil:
		t.Errorf("%s is answered %d with a body of type %q", what, answer.StatusCode, kind)
	case kind == "application/json":
		wantSchema(t, what, media.Schema.Value, body)
	}
}

// wantSchema holds one JSON text to a schema.
func wantSchema(t *testing.T, what string, schema *openapi3.Schema, text string) {
	t.Helper()
	var value any
	err := json.Unmarshal([]byte(text), &value)
	if err == nil {
		err = schema.VisitJSON(value, openapi3.EnableJSONSchema2020())
	}
	if err != nil {
		t.Errorf("%s has %.200s, which is not as described: %.300s", what, text, err)
	}
}

func loaded(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := document()
	if err != nil {
		t.Fatalf("the document cannot be read: %.400s", err)
	}
	return doc
}
