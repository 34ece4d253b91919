package transport

import (
	"compress/gzip"
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

	"github.com/rollcall/rollcall"
)

// The answer is compared byte for byte: Django writes six digits of fraction or
// none, and no blanks.
func TestSnapshotIsWrittenAsTheOriginalDid(t *testing.T) {
	at := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	entries := []rollcall.Entry{
		{Email: "user1@example.com", ConnectedAt: at, LastActivity: at.Add(500 * time.Millisecond)},
		{Email: `o'brien&"<ü>"@example.com`, ConnectedAt: at.Add(20 * time.Microsecond), LastActivity: at.In(time.FixedZone("", 3600))},
	}
	got := string(appendActive(nil, rollcall.Snapshot{Count: 2, Entries: slices.Values(entries)}))
	want := `{"status":"success","count":2,"active_connections":[` +
		`{"email":"user1@example.com","connected_at":"2025-10-21T12:30:00Z","last_activity":"2025-10-21T12:30:00.500000Z"},` +
		`{"email":"o'brien&\"<ü>\"@example.com","connected_at":"2025-10-21T12:30:00.000020Z","last_activity":"2025-10-21T12:30:00Z"}]}`
	if got != want {
		t.Errorf("the snapshot is\n%s\nwant\n%s", got, want)
	}
	empty := string(appendActive(nil, rollcall.Snapshot{Entries: slices.Values([]rollcall.Entry(nil))}))
	if empty != `{"status":"success","count":0,"active_connections":[]}` {
		t.Errorf("nobody is written as %s", empty)
	}
}

// Who may ask, and what everybody else is told: the words are those of Django
// REST framework, which clients match on.
func TestTokenDecidesWhoMayAsk(t *testing.T) {
	s := start(t)
	const (
		none     = `{"detail":"Authentication credentials were not provided."}`
		alone    = `{"detail":"Invalid token header. No credentials provided."}`
		spaces   = `{"detail":"Invalid token header. Token string should not contain spaces."}`
		invalid  = `{"detail":"Invalid token."}`
		inactive = `{"detail":"User inactive or deleted."}`
		garbled  = `{"detail":"Invalid token header. Token string should not contain invalid characters."}`
		nobody   = `{"status":"success","count":0,"active_connections":[]}`
	)
	for _, c := range []struct {
		method        string
		authorization []string
		status        int
		want          string
	}{
		{"GET", []string{"Token " + goodToken0}, 200, nobody},
		{"GET", []string{"token " + goodToken0}, 200, nobody},
		{"GET", []string{"Token \t " + goodToken0}, 200, nobody},
		{"HEAD", []string{"Token " + goodToken0}, 200, ""},
		{"GET", nil, 401, none},
		{"GET", []string{""}, 401, none},
		{"GET", []string{"Bearer " + goodToken0}, 401, none},
		{"GET", []string{"Token"}, 401, alone},
		{"GET", []string{"Token a b"}, 401, spaces},
		{"GET", []string{"Token " + goodToken0, "Token " + goodToken0}, 401, spaces},
		{"GET", []string{"Token \xff"}, 401, garbled},
		{"GET", []string{"Token " + strings.ToUpper(goodToken0)}, 401, invalid},
		{"GET", []string{"Token " + strings.Repeat("x", 20_000)}, 401, invalid},
		{"GET", []string{"Token inactive"}, 401, inactive},
		{"HEAD", nil, 401, ""},
		{"POST", nil, 401, none},
		{"POST", []string{"Token " + goodToken0}, 405, `{"detail":"Method \"POST\" not allowed."}`},
		{"DELETE", []string{"Token " + goodToken0}, 405, `{"detail":"Method \"DELETE\" not allowed."}`},
		{"OPTIONS", []string{"Token " + goodToken0}, 405, `{"detail":"Method \"OPTIONS\" not allowed."}`},
		{"FOO", []string{"Token " + goodToken0}, 405, `{"detail":"Method \"FOO\" not allowed."}`},
	} {
		for _, path := range []string{activePath, activePath + "/", activePath + "?format=json"} {
			answer, body := ask(t, s, c.method, path, http.Header{"Authorization": c.authorization})
			if answer.StatusCode != c.status || body != c.want {
				t.Errorf("%s %s with %.40q: %d %s, want %d %s", c.method, path, c.authorization, answer.StatusCode, body, c.status, c.want)
			}
			if challenge := answer.Header.Get("WWW-Authenticate"); (challenge == "Token") != (c.status == 401) {
				t.Errorf("%d came with WWW-Authenticate %q", c.status, challenge)
			}
			if answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("the headers of %s are %v", c.method, answer.Header)
			}
		}
	}
}

// Who is connected is listed, and the list shrinks for those who ask for it to.
func TestQueryListsWhoIsOnline(t *testing.T) {
	s := start(t)
	zip := http.Header{"Authorization": {"Token " + goodToken0}, "Accept-Encoding": {"gzip"}}
	if answer, _ := ask(t, s, "GET", activePath, zip); answer.Header.Get("Content-Encoding") != "" {
		t.Error("a list that is shorter than the head of gzip was compressed")
	}
	for i := range 50 {
		email := rollcall.Email(fmt.Sprintf("user%d@example.com", i))
		s.presence.users = append(s.presence.users, email)
		dial(t, s, "/ws/connect/?email="+string(email)).read()
	}
	token := []string{"Token " + goodToken0}
	_, plain := ask(t, s, "GET", activePath, http.Header{"Authorization": token})
	var listed struct {
		Status            string
		Count             int
		ActiveConnections []struct{ Email string } `json:"active_connections"`
	}
	if err := json.Unmarshal([]byte(plain), &listed); err != nil || listed.Count != 50 || len(listed.ActiveConnections) != 50 {
		t.Fatalf("the list is %s, %v", plain, err)
	}
	for encoding, zipped := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "*": true, "gzip;q=0": false, "br": false, "": false} {
		answer, body := ask(t, s, "GET", activePath, http.Header{"Authorization": token, "Accept-Encoding": {encoding}})
		if (answer.Header.Get("Content-Encoding") == "gzip") != zipped {
			t.Errorf("Accept-Encoding %q got Content-Encoding %q", encoding, answer.Header.Get("Content-Encoding"))
		}
		if zipped {
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			unzipped, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			body = string(unzipped)
		}
		if body != plain {
			t.Errorf("with Accept-Encoding %q the list is another", encoding)
		}
	}
}

// The page may be opened from disk; its browser asks first whether it may ask.
func TestPreflightIsAllowedFromAnywhere(t *testing.T) {
	s := start(t)
	answer, _ := ask(t, s, "OPTIONS", activePath, http.Header{"Origin": {"null"}, "Access-Control-Request-Method": {"GET"},
		"Access-Control-Request-Headers": {"authorization"}})
	if answer.StatusCode != 204 || answer.Header.Get("Access-Control-Allow-Origin") != "*" ||
		answer.Header.Get("Access-Control-Allow-Headers") != "Authorization, If-None-Match" {
		t.Errorf("the preflight was answered %d with %v", answer.StatusCode, answer.Header)
	}
}

// With the database away, who was let in lately still is; nobody else can be,
// and is told that it is not their token's fault.
func TestTokenSeenLatelyStaysGoodWhileTheDatabaseIsAway(t *testing.T) {
	s := start(t)
	good := http.Header{"Authorization": {"Token " + goodToken0}}
	if answer, _ := ask(t, s, "GET", activePath, good); answer.StatusCode != 200 {
		t.Fatalf("the good token was answered %d", answer.StatusCode)
	}
	s.tokens.set(func(f *fakeTokens) { f.away = true })
	s.age(tokenFresh)
	if answer, _ := ask(t, s, "GET", activePath, good); answer.StatusCode != 200 {
		t.Errorf("with the database away the good token was answered %d", answer.StatusCode)
	}
	answer, body := ask(t, s, "GET", activePath, http.Header{"Authorization": {"Token other"}})
	if answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" || !strings.Contains(body, "detail") {
		t.Errorf("another token was answered %d %s", answer.StatusCode, body)
	}
	s.age(tokenStale)
	if answer, _ := ask(t, s, "GET", activePath, good); answer.StatusCode != 503 {
		t.Errorf("long after, the token was answered %d", answer.StatusCode)
	}
}

// A revoked token is refused as soon as its freshness is over.
func TestRevokedTokenIsRefused(t *testing.T) {
	s := start(t)
	good := http.Header{"Authorization": {"Token " + goodToken0}}
	ask(t, s, "GET", activePath, good)
	s.tokens.set(func(f *fakeTokens) { f.revoked = true })
	s.age(tokenFresh)
	if answer, body := ask(t, s, "GET", activePath, good); answer.StatusCode != 401 || body != `{"detail":"Invalid token."}` {
		t.Errorf("the revoked token was answered %d %s", answer.StatusCode, body)
	}
}

// Many wrong tokens at once must cost the database few questions.
func TestWrongTokensAreLookedUpTogether(t *testing.T) {
	cache := newTokenCache(&fakeTokens{})
	source := cache.source.(*fakeTokens)
	const n = 20_000
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if _, found, err := cache.holder(t.Context(), rollcall.HashToken(fmt.Sprint(i))); found || err != nil {
				t.Errorf("token %d: %v, %v", i, found, err)
			}
		})
	}
	all.Wait()
	source.mu.Lock()
	defer source.mu.Unlock()
	if source.asked > n/100 {
		t.Errorf("%d wrong tokens became %d queries", n, source.asked)
	}
}

// A registry that does not answer is a 503 and not a hanging request.
func TestQueryWithoutSnapshotIs503(t *testing.T) {
	s := start(t)
	s.presence.mute = true
	answer, _ := ask(t, s, "GET", activePath, http.Header{"Authorization": {"Token " + goodToken0}})
	if answer.StatusCode != 503 {
		t.Errorf("the answer is %d", answer.StatusCode)
	}
}

func (t *fakeTokens) set(change func(*fakeTokens)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

// age makes the tokens' memory older.
func (s *testServer) age(d time.Duration) {
	c := s.Server.tokens
	c.mu.Lock()
	defer c.mu.Unlock()
	for hash, g := range c.good {
		g.seen = g.seen.Add(-d)
		c.good[hash] = g
	}
}

func ask(t *testing.T, s *testServer, method, path string, header http.Header) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	if _, set := header["Accept-Encoding"]; !set {
		r.Header.Set("Accept-Encoding", "identity")
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}
