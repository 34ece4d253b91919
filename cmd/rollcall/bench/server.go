package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	// startTimeout is how long a server may take to serve; then the run fails.
	startTimeout = 60 * time.Second
	// stopTimeout is how long a server may take to end; then it is killed.
	stopTimeout = 20 * time.Second
	// lastWords is how many lines of its log are shown of a server that failed.
	lastWords = 10
)

// server is what is measured. One that was started here can be looked into.
type server struct {
	name    string // in the report
	address string
	token   string
	profile string // the address of its profiles; empty if it has none
	pid     int    // 0 if it is not known
	bare    bool

	command *exec.Cmd // nil if it was not started here
	gone    chan struct{}
	said    []string // its last lines; read only after gone
}

// place is where a server of the log's lines listens.
type place struct{ address, profile string }

// startServer starts a program of which a server comes, and waits until it serves.
func startServer(ctx context.Context, name string, command *exec.Cmd) (*server, error) {
	s := &server{name: name, command: command, gone: make(chan struct{})}
	stderr, err := command.StderrPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start the server %s: %w", name, err)
	}
	s.pid = command.Process.Pid
	serving := make(chan place, 1)
	go s.listen(stderr, serving)
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case at := <-serving:
		s.address, s.profile = at.address, at.profile
		return s, nil
	case <-s.gone:
		err = fmt.Errorf("it has ended:\n%s", strings.Join(s.said, "\n"))
	case <-timeout.C:
		err = errors.New("it does not serve in time")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.stop()
	return nil, fmt.Errorf("start the server %s: %w", name, err)
}

// listen reads the log to its end, and finds in it where the server listens.
func (s *server) listen(log io.Reader, serving chan<- place) {
	var at place
	for lines := bufio.NewScanner(log); lines.Scan(); {
		line := lines.Text()
		if s.said = append(s.said, line); len(s.said) > lastWords {
			s.said = s.said[1:]
		}
		if _, rest, ok := strings.Cut(line, "msg=profiling address="); ok {
			at.profile, _, _ = strings.Cut(rest, " ")
		}
		if _, rest, ok := strings.Cut(line, "msg=serving address="); ok {
			at.address, _, _ = strings.Cut(rest, " ")
			serving <- at
		}
	}
	_, _ = io.Copy(io.Discard, log) // behind a line that is too long: the server must not wait
	_ = s.command.Wait()            // how it ended is in its log
	close(s.gone)
}

// stop ends a server that was started here, in order if it can.
func (s *server) stop() {
	if s.command == nil {
		return
	}
	_ = s.command.Process.Signal(syscall.SIGTERM) // it may be gone
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-s.gone:
	case <-timeout.C:
		_ = s.command.Process.Signal(os.Kill)
		<-s.gone
	}
}

// ended reports whether a server that was started here runs no more.
func (s *server) ended() error {
	if s.command == nil {
		return nil
	}
	select {
	case <-s.gone:
		return fmt.Errorf("the server %s has ended:\n%s", s.name, strings.Join(s.said, "\n"))
	default:
		return nil
	}
}
