package bench

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress writes a line now and then, of whatever herd has something to say.
type progress struct {
	mu  sync.Mutex
	out io.Writer
}

func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// step says how far a herd is with its step.
func (p *progress) step(server string, do deed, latest []news, since time.Duration) {
	open, done := 0, 0
	for _, n := range latest {
		open += n.Doing
		done += n.Tally.Done
	}
	p.say("%s %s: %d done, %d sockets open, after %s", server, do, done, open, since.Round(time.Second))
}
