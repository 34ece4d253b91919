// Command performance measures what docs/performance.md says, and writes it
// there: it runs a set of benches of the binary, on a PostgreSQL of its own that
// forgets nothing, and puts their figures into the page's table.
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

// databaseVariable names the environment variable with the URL of a database to
// measure on. Without it a server is started, and removed afterwards.
const databaseVariable = "DATABASE"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal does not wait
	if err := performance(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "performance:", err)
		os.Exit(1)
	}
}

// performance does what the command line says.
func performance(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("performance", flag.ContinueOnError)
	program := flags.String("rollcall", "bin/rollcall", "the binary that is measured")
	page := flags.String("page", "docs/performance.md", "the page whose table is written")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if _, err := readPage(*page); err != nil {
		return err // now, and not in five minutes
	}
	url, done, err := database(os.Getenv(databaseVariable))
	if err != nil {
		return err
	}
	defer done()
	m := measuring{program: *program, database: url}
	var all []measured
	for _, one := range set {
		found, err := m.run(ctx, one)
		if err != nil {
			return err
		}
		all = append(all, found)
	}
	return writePage(*page, table(all))
}
