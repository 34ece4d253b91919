// Command chaos proves the promise of docs/reliability.md, or breaks it: it runs
// real servers on a real PostgreSQL with real clients, does one bad thing after
// another to them, writes down what everybody saw, and checks at the end that
// the lists were never wrong for longer than promised. It is a test that is a
// program, because it runs for as long as one likes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// What the process tells its caller.
const (
	exitKept   = 0
	exitBroken = 1 // the promise was broken; the report says how
	exitFailed = 2 // the run could not be done
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal does not wait
	os.Exit(chaos(ctx, os.Args[1:]))
}

// chaos does what the command line says.
func chaos(ctx context.Context, args []string) int {
	s, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return exitKept
	}
	if err != nil {
		return exitFailed // flag has said why
	}
	folder, err := os.MkdirTemp("", "rollcall-chaos-")
	if err != nil {
		return failed(err)
	}
	if s.logs == "" {
		s.logs = folder
	}
	if s.rollcall == "" {
		if s.rollcall, err = build(ctx, folder); err != nil {
			return failed(err)
		}
	}
	r, err := run(ctx, s, os.Stdout)
	if err != nil {
		return failed(fmt.Errorf("%w; the servers' logs are in %s", err, s.logs))
	}
	r.print(os.Stdout)
	if s.json != "" {
		if err := r.save(s.json); err != nil {
			return failed(err)
		}
	}
	if len(r.Violations) > 0 {
		fmt.Printf("The servers' logs are in %s.\n", s.logs)
		return exitBroken
	}
	if err := os.RemoveAll(folder); err != nil {
		return failed(err)
	}
	return exitKept
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "chaos:", err)
	return exitFailed
}
