package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// herd is clients that are told the same, spread over some worker processes.
type herd struct {
	name     string // of the server that they go to, for the progress
	workers  []*workerProcess
	progress *progress
}

// workerProcess is this program once more, as one worker.
type workerProcess struct {
	command *exec.Cmd
	stdin   io.Closer
	orders  *json.Encoder
	answers *json.Decoder
}

// gather starts the processes of a herd, whose users are numbered from first on.
func gather(ctx context.Context, program string, s *server, p herdPlan, first int, say *progress) (*herd, error) {
	h := &herd{name: s.name, progress: say}
	sources := 1 + p.workers*p.users/portsAtAnAddress
	for n := range p.workers {
		w, err := startWorker(ctx, program)
		if err == nil {
			h.workers = append(h.workers, w)
			err = w.orders.Encode(assignment{
				Address: s.address, Token: s.token, Addresses: sources,
				First: first + n*p.users, Users: p.users,
			})
		}
		if err != nil {
			h.close()
			return nil, fmt.Errorf("start a worker: %w", err)
		}
	}
	return h, nil
}

func startWorker(ctx context.Context, program string) (*workerProcess, error) {
	command := child(exec.CommandContext(ctx, program, "bench", "worker"))
	// The loop is one thread; the runtime's own must not take another core.
	command.Env = append(os.Environ(), "GOMAXPROCS=1")
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	return &workerProcess{command, stdin, json.NewEncoder(stdin), json.NewDecoder(stdout)}, nil
}

// told is what one worker says.
type told struct {
	index int
	news  news
	err   error
}

// do has all clients carry out one step, and returns when the last has.
func (h *herd) do(ctx context.Context, s step) (tally, error) {
	heard := make(chan told, len(h.workers))
	for n, w := range h.workers {
		go w.do(n, s.share(n, len(h.workers)), heard)
	}
	latest := make([]news, len(h.workers))
	began, shown := time.Now(), time.Now()
	var all tally
	var errs error
	for left := len(h.workers); left > 0; {
		t := <-heard
		latest[t.index] = t.news
		if t.err != nil || t.news.Over {
			errs = errors.Join(errs, t.err)
			all.add(t.news.Tally)
			left--
		}
		if time.Since(shown) >= newsEvery {
			shown = time.Now()
			h.progress.step(h.name, s.Do, latest, time.Since(began))
		}
	}
	if ctx.Err() != nil {
		return all, context.Cause(ctx)
	}
	if errs != nil {
		return all, fmt.Errorf("%s: %w", s.Do, errs)
	}
	return all, nil
}

// do gives the step to the worker, and passes on what it says.
func (w *workerProcess) do(index int, s step, heard chan<- told) {
	if err := w.orders.Encode(s); err != nil {
		heard <- told{index: index, err: err}
		return
	}
	for {
		t := told{index: index}
		t.err = w.answers.Decode(&t.news)
		if t.news.Error != "" {
			t.err = errors.New(t.news.Error)
		}
		heard <- t
		if t.err != nil || t.news.Over {
			return
		}
	}
}

// close ends the processes, and their sockets with them.
func (h *herd) close() {
	for _, w := range h.workers {
		_ = w.stdin.Close()
		_ = w.command.Wait() // a worker that failed has said so in its news
	}
}
