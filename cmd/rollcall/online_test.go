package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const twoOnline = `{"status": "success", "count": 2, "active_connections": [` +
	`{"email": "alice@example.com", "connected_at": "2025-10-21T12:30:00Z", "last_activity": "2025-10-21T14:34:30.250000Z"}, ` +
	`{"email": "b\u001b[2Jb@example.com", "connected_at": "2025-10-20T10:00:00Z", "last_activity": "2025-10-21T14:34:55Z"}]}`

// TestOnlinePrintsATable shows the whole of it: times by the server's clock,
// and an e-mail that would clear the screen printed as it is written.
func TestOnlinePrintsATable(t *testing.T) {
	server := answering(t, http.StatusOK, twoOnline)
	got := mustRun(t, "online", "--server", server.URL, "--token", "t0ken")
	want := "" +
		"EMAIL                  CONNECTED FOR  LAST ACTIVITY\n" +
		"alice@example.com      2h05m          29s ago\n" +
		"b\\x1b[2Jb@example.com  1d04h          5s ago\n" +
		"2 online\n"
	if got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

// TestOnlineKeepsTheTableNarrow cuts the longest e-mail that there can be.
func TestOnlineKeepsTheTableNarrow(t *testing.T) {
	long := strings.Repeat("é", 240) + "@example.com"
	server := answering(t, http.StatusOK, `{"status": "success", "count": 1, "active_connections": [{"email": "`+long+`"}]}`)
	for line := range strings.Lines(mustRun(t, "online", "--server", server.URL, "--token", "t0ken")) {
		if width := len([]rune(strings.TrimSuffix(line, "\n"))); width > 120 {
			t.Errorf("a line is %d wide: %s", width, line)
		}
	}
}

// TestOnlineJSONIsTheServersAnswer lets a script have what the server said,
// byte for byte.
func TestOnlineJSONIsTheServersAnswer(t *testing.T) {
	server := answering(t, http.StatusOK, twoOnline)
	t.Setenv("ROLLCALL_TOKEN", "t0ken")
	if got := mustRun(t, "online", "--json", "--server", server.URL+"/"); got != twoOnline+"\n" {
		t.Errorf("printed %s", got)
	}
}

// TestOnlineSaysWhyNot covers every way of not getting an answer, and that none
// of them tells the token.
func TestOnlineSaysWhyNot(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	for says, server := range map[string]*httptest.Server{
		"connection refused":                    away,
		"401: Invalid token.":                   answering(t, http.StatusUnauthorized, `{"detail": "Invalid token."}`),
		"503: Service Unavailable":              answering(t, http.StatusServiceUnavailable, "<html>\n<h1>no\n"),
		"the answer is not a Rollcall server's": answering(t, http.StatusOK, "<html>"),
		"not a Rollcall server's":               answering(t, http.StatusOK, "{}"),
	} {
		got := rollcallWith(t, "", "online", "--server", server.URL, "--token", "t0ken")
		if got.code != exitFailure || got.out != "" || !oneComplaint(got.err) || !strings.Contains(got.err, says) {
			t.Errorf("exit %d, printed %q, said %q, want one line with %q", got.code, got.out, got.err, says)
		}
		if strings.Contains(got.err, "t0ken") {
			t.Errorf("told the token: %s", got.err)
		}
	}
}

// TestWatchOutlivesTheServer restarts the server under a watch, which is what a
// watch is for: it says so, and shows the list again when it can.
func TestWatchOutlivesTheServer(t *testing.T) {
	server := answering(t, http.StatusOK, `{"status": "success", "count": 0, "active_connections": []}`)
	address := server.Listener.Addr().String()
	w := startWatch(t, server.URL)
	await(t, "the first answer", func() bool { return strings.Contains(w.out.String(), "nobody is online") })

	server.CloseClientConnections()
	server.Close()
	await(t, "the outage to be told", func() bool { return strings.Contains(w.err.String(), "connection refused; trying again") })

	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	again := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, twoOnline) }))
	_ = again.Listener.Close() // the old address is the point
	again.Listener = listener
	again.Start()
	defer again.Close()
	await(t, "the list after the restart", func() bool { return strings.Contains(w.out.String(), "2 online") })

	if code := w.interrupt(); code != exitOK {
		t.Errorf("exit %d after an interrupt", code)
	}
	if strings.Contains(w.out.String(), clearScreen) {
		t.Error("cleared the screen of what is no terminal")
	}
}

// TestWatchTellsAnOutageOnce keeps a night's outage from filling a file.
func TestWatchTellsAnOutageOnce(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	w := startWatch(t, server.URL)
	await(t, "some attempts", func() bool { return asked.Load() >= 4 })
	w.interrupt()
	if said := w.err.String(); strings.Count(said, "503") != 1 {
		t.Errorf("said %q", said)
	}
}

// TestWatchEndsWhenItIsRefused keeps a revoked token from being tried for ever.
func TestWatchEndsWhenItIsRefused(t *testing.T) {
	server := answering(t, http.StatusUnauthorized, `{"detail": "Invalid token."}`)
	got := rollcallWith(t, "", "online", "--watch", "--server", server.URL, "--token", "t0ken")
	if got.code != exitFailure || !oneComplaint(got.err) || !strings.Contains(got.err, "Invalid token.") {
		t.Errorf("exit %d, said %q", got.code, got.err)
	}
}

// answering starts a server that knows one question, and checks how it is asked.
func answering(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/api/hms/active-connections" || r.Header.Get("Authorization") != "Token t0ken" {
			t.Errorf("asked %s %s with %q", r.Method, r.URL, r.Header.Get("Authorization"))
		}
		w.Header().Set("Date", time.Date(2025, 10, 21, 14, 35, 0, 0, time.UTC).Format(http.TimeFormat))
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

// watching is a watch that runs beside the test.
type watching struct {
	out, err  transcript
	interrupt func() (code int)
}

func startWatch(t *testing.T, server string) *watching {
	t.Helper()
	w := &watching{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	args := []string{"online", "--watch", "--interval", "10ms", "--token", "t0ken", "--server", server}
	go func() { ended <- new(cli).run(ctx, args, &streams{strings.NewReader(""), &w.out, &w.err}) }()
	w.interrupt = func() int {
		cancel()
		return <-ended
	}
	return w
}
