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
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// What the process tells its caller.
const (
	exitKept   = 0 // the promise was kept, which a run to its end has shown
	exitFailed = 1 // it was broken, or the run has not shown that it was kept
	exitUsage  = 2 // the command line is wrong, and nothing was done
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal does not wait
	os.Exit(chaos(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// chaos does what the command line says.
func chaos(ctx context.Context, args []string, out, problems io.Writer) int {
	s, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return exitKept
	}
	if err != nil {
		complain(problems, err)
		return exitUsage
	}
	r, err := perform(ctx, s, out)
	if err != nil {
		complain(problems, err)
		return exitFailed
	}
	return r.exitCode()
}

// complain says in one line what went wrong.
func complain(problems io.Writer, err error) {
	fmt.Fprintln(problems, "chaos:", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
}

// perform makes one run, and says and saves what came of it. Of its folder only
// the servers' logs are left, and only if there is something to look for in them.
func perform(ctx context.Context, s settings, out io.Writer) (r report, err error) {
	w, err := newWorkshop(ctx, &s)
	if err != nil {
		return r, err
	}
	r, err = run(ctx, s, out)
	if ctx.Err() != nil && err != nil {
		return r, errors.Join(errors.New("interrupted before the first client came"), w.remove())
	}
	if err != nil {
		return r, w.leave(err)
	}
	r.print(out)
	if s.json != "" {
		err = r.save(s.json)
	}
	if len(r.Violations) == 0 {
		return r, errors.Join(err, w.remove())
	}
	fmt.Fprintf(out, "The servers' logs are in %s.\n", s.logs)
	return r, errors.Join(err, w.tidy())
}
