package transport

import (
	"bufio"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// hearing reads a stream from a real server.
type hearing struct {
	*bufio.Scanner
	t *testing.T
}

func (p *apiServer) listen(target string, header http.Header) *hearing {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.address+apiPath+streamPath+target, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Token "+goodToken0)
	maps.Copy(r.Header, header)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		p.t.Fatalf("the stream is answered %d %v", answer.StatusCode, answer.Header)
	}
	s := &hearing{bufio.NewScanner(answer.Body), p.t}
	s.Buffer(nil, 1<<20)
	return s
}

// block reads what stands before the next empty line, and holds its data to the
// document.
func (s *hearing) block() string {
	s.t.Helper()
	var lines []string
	for s.Scan() && s.Text() != "" {
		lines = append(lines, s.Text())
	}
	block := strings.Join(lines, "\n")
	if block == "" {
		s.t.Fatalf("the stream has ended: %v", s.Err())
	}
	kind, _, _ := strings.Cut(strings.TrimPrefix(block, "event: "), "\n")
	name := map[string]string{"snapshot": "SnapshotPart", "leave": "LeaveEvent", "join": "StreamEvent", "activity": "StreamEvent"}[kind]
	if _, text, _ := strings.Cut(block, "data: "); name != "" {
		wantSchema(s.t, kind, loaded(s.t).Components.Schemas[name].Value, text)
	}
	return block
}

// want reads blocks that begin so.
func (s *hearing) want(blocks ...string) {
	s.t.Helper()
	for _, want := range blocks {
		if got := s.block(); !strings.HasPrefix(got, want) {
			s.t.Fatalf("the stream tells\n%.300s\nwant\n%.300s", got, want)
		}
	}
}
