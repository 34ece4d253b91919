package transport

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// Whoever opens the server's address wants the page, and the seed's readers
// know it by its file's name.
func TestPageIsServedAtBothPaths(t *testing.T) {
	root := getPage(t, http.MethodGet, "/", nil)
	named := getPage(t, http.MethodGet, "/websocket_test.html", nil)
	if root.Code != http.StatusOK || named.Code != http.StatusOK {
		t.Fatalf("the page answers %d and %d", root.Code, named.Code)
	}
	if root.Body.String() != named.Body.String() || !strings.Contains(root.Body.String(), "<title>Rollcall</title>") {
		t.Error("the two paths do not give the same page")
	}
}

// A file that the page names and the server lacks would be a page that does
// nothing; a wrong type would be refused under nosniff.
func TestEveryFileOfThePageIsServedWithItsType(t *testing.T) {
	html := getPage(t, http.MethodGet, "/", nil).Body.String()
	files := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(html, -1)
	if len(files) < 5 {
		t.Fatalf("the page names only %d files", len(files))
	}
	types := map[string]string{"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "html": "text/html"}
	for _, file := range files {
		name := file[1]
		r := getPage(t, http.MethodGet, "/"+name, nil)
		extension := name[strings.LastIndex(name, ".")+1:]
		if got := r.Header().Get("Content-Type"); r.Code != http.StatusOK || !strings.HasPrefix(got, types[extension]) {
			t.Errorf("%s: %d, type %q", name, r.Code, got)
		}
		if r.Header().Get("X-Content-Type-Options") != "nosniff" || r.Header().Get("Referrer-Policy") != "no-referrer" ||
			!strings.HasPrefix(r.Header().Get("Content-Security-Policy"), "default-src 'none';") {
			t.Errorf("%s lacks a header that protects it: %v", name, r.Header())
		}
	}
}

// A page is asked for again after every upgrade, and sent only if it changed.
func TestPageIsSentOnce(t *testing.T) {
	first := getPage(t, http.MethodGet, "/", nil)
	tag := first.Header().Get("ETag")
	if tag == "" || first.Header().Get("Cache-Control") != "no-cache" {
		t.Fatalf("the page cannot be asked for again: %v", first.Header())
	}
	again := getPage(t, http.MethodGet, "/", http.Header{"If-None-Match": {tag}})
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("the page is sent again: %d, %d bytes", again.Code, again.Body.Len())
	}
	if other := getPage(t, http.MethodGet, "/closes.js", http.Header{"If-None-Match": {tag}}); other.Code != http.StatusOK {
		t.Errorf("another file under the page's tag: %d", other.Code)
	}
}

// Monitors ask with HEAD, and expect the length without the body.
func TestPageAnswersHead(t *testing.T) {
	whole := getPage(t, http.MethodGet, "/", nil)
	head := getPage(t, http.MethodHead, "/", nil)
	if head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("Content-Length") != whole.Header().Get("Content-Length") {
		t.Errorf("HEAD: %d, %d bytes of body, length %q", head.Code, head.Body.Len(), head.Header().Get("Content-Length"))
	}
}

// Nothing can be written here, and a client is told what can be done.
func TestPageRefusesOtherMethods(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if r := getPage(t, method, "/", nil); r.Code != http.StatusMethodNotAllowed || r.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, r.Code, r.Header().Get("Allow"))
		}
	}
}

// The embedded folder is a list of files and no file system: nothing beside
// them can be reached, whatever the path looks like.
func TestOtherPathsAreNotFound(t *testing.T) {
	for _, path := range []string{"/nothing", "/web", "/web/websocket_test.html", "/../server.go", "//", "/websocket_test.html/", "/favicon.ico"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		page().ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func getPage(t *testing.T, method, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	page().ServeHTTP(w, r)
	return w
}
