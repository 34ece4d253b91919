package actors_test

import (
	"log/slog"
	"strings"
	"sync"

	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// journal keeps what was logged.
type journal struct {
	mu     sync.Mutex
	lines  []string
	onLine func(string) // if it is not nil, hears of each
}

// journaled lets presence write into the journal.
func journaled(j *journal) actortest.Option {
	return func(c *actors.Config) {
		c.Logger = slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

// Write implements io.Writer, with one line at a time.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(line))
	if j.onLine != nil {
		j.onLine(string(line))
	}
	return len(line), nil
}

// count is how many lines have all of the words.
func (j *journal) count(words ...string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, line := range j.lines {
		found := 0
		for _, word := range words {
			if strings.Contains(line, word) {
				found++
			}
		}
		if found == len(words) {
			n++
		}
	}
	return n
}
