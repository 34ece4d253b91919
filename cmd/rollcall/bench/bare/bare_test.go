package bare

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// The list is measured beside as many bytes that nobody had to make. Fewer of them
// would make Rollcall look slow, and more would make it look fast.
func TestListIsAsLongAsItIsAskedFor(t *testing.T) {
	for path, want := range map[string]int{
		"/api/hms/active-connections":                 len("ok"),
		"/api/hms/active-connections?bytes=100000":    100_000,
		"/api/hms/active-connections?bytes=7":         7,
		"/api/hms/active-connections?bytes=-1":        len("ok"),
		"/api/hms/active-connections?bytes=100000000": len("ok"),
	} {
		w := httptest.NewRecorder()
		handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if got := w.Body.Len(); got != want || w.Code != http.StatusOK {
			t.Errorf("%s: %d bytes and %d, want %d", path, got, w.Code, want)
		}
	}
}
