package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The five questions that an application has, asked of a real server, one after the
// other: who is here, is this one, tell me when it changes, tell them something, and
// who was here.
func TestAPIAnswersTheQuestionsOfAnApplication(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		p.connect(user(0))
		events := p.watch()
		events.want("event: snapshot", `"last":true`, user(0))
		second := p.connect(user(1))
		events.want("event: join", user(1))
		p.wantAPI("GET", "/presence?prefix=user1", "", `"next":null`, user(1))
		p.wantAPI("GET", "/presence?count", "", `{"count":2}`)
		p.wantAPI("GET", "/presence/"+user(1), "", `"online":true`, `"known":true`, `"address":"127.0.0.1:`)
		p.wantAPI("GET", "/presence/"+user(2), "", `"online":false`, `"known":true`, `"last_seen":null`)
		p.wantAPI("GET", "/presence/nobody@example.com", "", `{"detail":"No such user."}`)
		p.wantAPI("POST", "/presence/query", `{"emails":["nobody@example.com","`+user(1)+`"]}`,
			`{"users":[{"email":"nobody@example.com","online":false,"known":false`, `"email":"`+user(1)+`","online":true,"known":true`)
		p.wantAPI("POST", "/users/"+user(1)+"/messages", `{"message":{"lunch":["now"]},"id":"7"}`, `{"id":"7","sessions":1}`)
		if got := second.read(); got != `{"type": "push", "message": {"lunch": ["now"]}, "id": "7"}` {
			t.Errorf("pushed was %s", got)
		}
		p.wantAPI("DELETE", "/presence/"+user(1)+"?reason=enough", "", `{"sessions":1}`)
		second.wantClose(4005)
		events.want("event: leave", user(1), `"reason":"kicked"`)
		w.within("the session to be history", func() bool {
			return strings.Contains(p.api("GET", "/history?email="+user(1), ""), `"reason":"kicked"`)
		})
		p.wantAPI("GET", "/presence/"+user(1), "", `"online":false`, `"last_seen":"2`)
	})
}

// Whichever server is asked, a user is online who is connected to any of them; what
// is done to sessions is done by the server that has them.
func TestUserOfAnotherServerIsShownOnline(t *testing.T) {
	worlds(t, func(w *world) {
		one, two := w.serve("--node=one"), w.serve("--node=two")
		there := two.connect(user(0))
		one.wantAPI("GET", "/presence/"+user(0), "", `"online":true,"known":true`, `"last_seen":null`, `"node":"two"`)
		one.connect(user(0))
		one.wantAPI("GET", "/presence/"+user(0), "", `"node":"one"`, `"node":"two"`)
		one.wantAPI("DELETE", "/presence/"+user(0), "", `{"sessions":1}`)
		there.echo("undisturbed")
		there.leave()
		w.within("the user to be offline", func() bool {
			return strings.Contains(one.api("GET", "/presence/"+user(0), ""), `"online":false`)
		})
	})
}

// A drain waits for the answers that are under way, and a stream is one that never
// ends by itself.
func TestWatchersDoNotHoldUpADrain(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		events := p.watch()
		events.want("event: snapshot")
		begun := time.Now()
		p.signal(syscall.SIGTERM)
		for events.Scan() {
			continue
		}
		p.wantExit(0)
		if took := time.Since(begun); took > drainTimeout {
			t.Errorf("the drain took %s", took)
		}
	})
}

// stream is what a watcher reads.
type stream struct {
	*bufio.Scanner
	p *process
}

// watch begins a stream, which ends with the test.
func (p *process) watch() *stream {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 2*patience)
	p.Cleanup(cancel)
	answer := p.send(ctx, http.MethodGet, "/presence/stream", "")
	p.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		p.Fatalf("the stream is answered %d", answer.StatusCode)
	}
	return &stream{bufio.NewScanner(answer.Body), p}
}

// want reads on to an event with all these words in it.
func (s *stream) want(words ...string) {
	s.p.Helper()
	block := ""
	for s.Scan() {
		if s.Text() != "" {
			block += s.Text() + "\n"
			continue
		}
		if hasAll(block, words) {
			return
		}
		block = ""
	}
	s.p.Fatalf("the stream ended (%v) without %q", s.Err(), words)
}

// wantAPI makes a request, whose answer must have all these words in it.
func (p *process) wantAPI(method, path, body string, words ...string) {
	p.Helper()
	if got := p.api(method, path, body); !hasAll(got, words) {
		p.Errorf("%s %s is answered %.400s, want %q in it", method, path, got, words)
	}
}

func (p *process) api(method, path, body string) string {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	answer := p.send(ctx, method, path, body)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.Fatalf("%s %s: %v", method, path, err)
	}
	return string(text)
}

func (p *process) send(ctx context.Context, method, path, body string) *http.Response {
	p.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.address+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Authorization", "Token "+p.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

func hasAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
