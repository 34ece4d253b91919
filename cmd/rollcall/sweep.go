package main

import (
	"context"
	"fmt"
	"strings"
)

type sweepCmd struct{}

// Run mends what a running server would mend by itself: it is for a
// database that no server is left on.
func (c *sweepCmd) Run(ctx context.Context, s *shared, std *streams) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	db, err := openAsItIs(ctx, s.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	swept, err := db.Sweep(ctx)
	if len(swept.Nodes) > 0 {
		fmt.Fprintf(std.out, "removed %s of dead nodes: %s\n", counted(swept.Sessions, "session"), printable(strings.Join(swept.Nodes, ", ")))
	}
	if swept.Orphans > 0 {
		fmt.Fprintf(std.out, "removed %s without a session\n", counted(swept.Orphans, "active connection"))
	}
	if swept.Missing > 0 {
		fmt.Fprintf(std.out, "put back %s of users with a session\n", counted(swept.Missing, "active connection"))
	}
	if err == nil && len(swept.Nodes)+swept.Orphans+swept.Missing == 0 {
		fmt.Fprintln(std.out, "nothing to remove")
	}
	return err
}
