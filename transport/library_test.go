package transport

import (
	"net/http"
	"path"
	"testing"

	"github.com/rollcall/rollcall/transport/transporttest"
)

// libraryFolder is where the client library and its tests are.
const libraryFolder = "web/rollcall"

// The library is proved by itself first, against sockets and streams that do what
// its tests say and a clock that they turn.
func TestLibraryPassesItsTests(t *testing.T) {
	transporttest.Node(t, transporttest.Site{}, libraryFolder, "test/*.test.js")
}

// An application's page is of another origin than the presence server, and a page
// from disk is of none: both must be allowed to load the modules, each of them.
func TestLibraryIsServedToAnyPage(t *testing.T) {
	for name, contentType := range map[string]string{
		"rollcall.js":   "text/javascript; charset=utf-8",
		"connection.js": "text/javascript; charset=utf-8",
		"presence.js":   "text/javascript; charset=utf-8",
		"watch.js":      "text/javascript; charset=utf-8",
		"rollcall.d.ts": "application/typescript; charset=utf-8",
	} {
		r := getPage(t, http.MethodGet, path.Join(libraryPath, name), nil)
		h := r.Header()
		if r.Code != http.StatusOK || h.Get("Content-Type") != contentType || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d, type %q, for origin %q", name, r.Code, h.Get("Content-Type"), h.Get("Access-Control-Allow-Origin"))
		}
	}
	if origin := getPage(t, http.MethodGet, "/settings.js", nil).Header().Get("Access-Control-Allow-Origin"); origin != "" {
		t.Errorf("a script of the page itself is given to origin %q", origin)
	}
}

// What is there for npm and for the tests is nothing that a server gives.
func TestOnlyTheLibraryItselfIsServed(t *testing.T) {
	for _, name := range []string{"", "package.json", "README.md", "test/fakes.js", "test"} {
		if r := getPage(t, http.MethodGet, libraryPath+name, nil); r.Code != http.StatusNotFound {
			t.Errorf("%q: %d", name, r.Code)
		}
	}
}
