package transport

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// Those who restart a server and those who send it clients ask different
// questions: a server without its database must be left alone by the first and
// spared by the second.
func TestHealthTellsAliveFromReady(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		obstacle rollcall.Obstacle
		ready    int
	}{
		{"", http.StatusOK},
		{rollcall.ObstacleAway, http.StatusServiceUnavailable},
		{rollcall.ObstacleSilent, http.StatusServiceUnavailable},
		{rollcall.ObstacleDraining, http.StatusServiceUnavailable},
		{"", http.StatusOK},
	} {
		s.presence.mu.Lock()
		s.presence.ill = c.obstacle
		s.presence.mu.Unlock()
		if status, body, _ := visit(t, s, "/livez"); status != http.StatusOK || body != `{"status":"ok"}` {
			t.Errorf("with obstacle %q livez answers %d %s", c.obstacle, status, body)
		}
		status, body, header := visit(t, s, "/readyz")
		if told := tellsReady(t, body); status != c.ready || told.Reason != c.obstacle {
			t.Errorf("with obstacle %q readyz answers %d %s", c.obstacle, status, body)
		}
		if wait := header.Get("Retry-After") != ""; wait != (c.obstacle != "") {
			t.Errorf("with obstacle %q the header is %v", c.obstacle, header)
		}
	}
}

// Nobody needs a token for it, so there must be nobody in it.
func TestReadyzCountsAndNamesNobody(t *testing.T) {
	s := start(t)
	dial(t, s, "/ws/connect/?email=user@example.com").read()
	status, body, _ := visit(t, s, "/readyz/")
	told := tellsReady(t, body)
	if status != http.StatusOK || told.Sockets != 1 || told.Sessions != 1 || told.MaxConnections != 1000 {
		t.Errorf("one client is here, and readyz answers %d %s", status, body)
	}
	if told.Commit == nil || told.Commit.LeaseLeft <= 0 || time.Since(told.Commit.At) > patience {
		t.Errorf("the last commit was just now, and readyz answers %s", body)
	}
	if strings.Contains(body, "@") {
		t.Errorf("readyz names somebody: %s", body)
	}
}

// A server that is full can admit nobody, and must still say so.
func TestFullServerIsNotReadyAndSaysSo(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxConnections = 1 })
	c := dial(t, s, "/ws/connect/?email=user@example.com")
	c.read()
	if status, body, _ := visit(t, s, "/readyz"); status != http.StatusServiceUnavailable ||
		tellsReady(t, body).Reason != rollcall.ObstacleFull {
		t.Errorf("a full server answers %d %s", status, body)
	}
	_ = c.Close()
	within(t, "the place to be free", func() bool {
		status, _, _ := visit(t, s, "/readyz")
		return status == http.StatusOK
	})
}

// From the moment of the shutdown on, a request that is still under way is told
// not to send anybody.
func TestServerThatShutsDownIsNotReady(t *testing.T) {
	s := start(t)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if told := s.readiness(rollcall.Health{}); told.Reason != rollcall.ObstacleDraining || told.Status != "unavailable" {
		t.Errorf("it tells %+v", told)
	}
}

func TestHealthIsOnlyRead(t *testing.T) {
	s := start(t)
	for _, path := range []string{"/livez", "/readyz"} {
		for method, want := range map[string]int{
			http.MethodHead: http.StatusOK, http.MethodPost: http.StatusMethodNotAllowed, "FOO": http.StatusMethodNotAllowed,
		} {
			r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.address+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != want || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s is answered %d %v", method, path, answer.StatusCode, answer.Header)
			}
		}
	}
}

// visit gets a page that asks for no token.
func visit(t *testing.T, s *testServer, path string) (status int, body string, header http.Header) {
	t.Helper()
	answer, err := http.Get("http://" + s.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(read), answer.Header
}

func tellsReady(t *testing.T, body string) (told readiness) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return told
}
