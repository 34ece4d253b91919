package transport

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// web is the test page, as it also works when opened from disk, and the client
// library without what is only for npm.
//
//go:embed web/*.* web/rollcall/*.js web/rollcall/*.ts
var web embed.FS

// pageFile is the page itself, which is also served as "/".
const pageFile = "websocket_test.html"

// pagePolicy lets the page load its own files and nothing else. It may connect
// anywhere, because the person at it types the server's address.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src ws: wss: http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// libraryPath is where the client library is served. Any page may load it, also
// one from disk, which may not load a module from its own folder.
const libraryPath = "/rollcall/"

// pageMethods is what the page's files answer to.
const pageMethods = "GET, HEAD"

// pageTypes are written down because package mime asks the machine it runs on.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".ts":   "application/typescript; charset=utf-8",
}

// asset is one file of the page, ready to be served.
type asset struct {
	name, contentType, etag string
	body                    []byte
}

// page serves the test page and its files. Any other path is not found.
func page() http.Handler {
	assets := readAssets()
	assets["/"] = assets["/"+pageFile]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", pageMethods)
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			a.serve(w, r)
		}
	})
}

// readAssets reads every embedded file, by the path it is served at. It panics
// on a file of no known type, which the first test that runs would show.
func readAssets() map[string]asset {
	assets := make(map[string]asset)
	err := fs.WalkDir(web, "web", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := path.Base(file)
		contentType, ok := pageTypes[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s has no content type", file)
		}
		body, err := web.ReadFile(file)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		assets[strings.TrimPrefix(file, "web")] = asset{name, contentType, fmt.Sprintf(`"%x"`, sum[:16]), body}
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("reading the embedded page: %v", err))
	}
	return assets
}

// serve writes the file, or 304 to who has it. It may be kept but is asked for
// every time (no-cache), so that a new server is never met by an old page.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if strings.HasPrefix(r.URL.Path, libraryPath) {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Content-Type", a.contentType)
	h.Set("ETag", a.etag)
	h.Set("Referrer-Policy", "no-referrer") // the page's address may hold an e-mail
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(a.body))
}
