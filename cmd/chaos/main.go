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
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
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

// parse reads the command line.
func parse(args []string) (s settings, err error) {
	s.only = regexp.MustCompile("") // all
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.StringVar(&s.rollcall, "rollcall", "", "the server's binary; it is built if none is given")
	flags.DurationVar(&s.duration, "duration", 2*time.Minute, "how long bad things are done")
	flags.Uint64Var(&s.seed, "seed", 0, "what is done; 0 draws one. How it falls out also depends on the machine")
	flags.IntVar(&s.clients, "clients", 300, "how many clients there are, two of ten being the second of a user")
	flags.IntVar(&s.servers, "servers", 3, "how many servers run")
	flags.DurationVar(&s.pause, "pause", 6*time.Second, "the pause between two faults, on average")
	flags.DurationVar(&s.lease, "lease", 2*time.Second, "the servers' lease")
	flags.DurationVar(&s.slack, "slack", 0, "what is added to every bound, on a machine that is busy otherwise")
	flags.Func("faults", "a regular expression; only what it matches is done", func(text string) (err error) {
		s.only, err = regexp.Compile(text)
		return err
	})
	flags.StringVar(&s.logs, "logs", "", "a folder to keep the servers' logs in; else they are kept only if something went wrong")
	flags.StringVar(&s.json, "json", "", "a file for the report")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.seed == 0 {
		s.seed = rand.Uint64N(1_000_000) + 1
	}
	if s.clients < 1 || s.servers < 1 || s.pause <= 0 || s.lease < time.Second {
		err := errors.New("chaos: there must be a client, a server, a pause and a lease of a second")
		fmt.Fprintln(os.Stderr, err)
		return s, err
	}
	return s, nil
}
