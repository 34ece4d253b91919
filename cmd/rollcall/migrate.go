package main

import (
	"context"
	"fmt"

	"github.com/rollcall/rollcall/persistence"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply every migration that is pending."`
	Down   migrateDownCmd   `cmd:"" help:"Undo the migrations that were applied last, with all that their tables hold."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations."`
}

type migrateUpCmd struct{}

// Run applies what is pending, and is content when that is nothing.
func (migrateUpCmd) Run(ctx context.Context, s *shared, std *streams) error {
	return changeSchema(ctx, s, std, "applied", (*persistence.Database).Migrate)
}

type migrateDownCmd struct{}

// Run undoes the last group of migrations.
func (migrateDownCmd) Run(ctx context.Context, s *shared, std *streams) error {
	return changeSchema(ctx, s, std, "undone", (*persistence.Database).MigrateDown)
}

func changeSchema(ctx context.Context, s *shared, std *streams, done string,
	change func(*persistence.Database, context.Context) ([]string, error),
) error {
	db, err := persistence.Open(ctx, s.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	names, err := change(db, ctx)
	for _, name := range names {
		fmt.Fprintf(std.out, "%s %s\n", done, name)
	}
	if err == nil && len(names) == 0 {
		fmt.Fprintln(std.out, "nothing to do")
	}
	return err
}

type migrateStatusCmd struct{}

// Run changes nothing, not even on SQLite.
func (migrateStatusCmd) Run(ctx context.Context, s *shared, std *streams) error {
	db, err := persistence.Open(ctx, s.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	migrations, err := db.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	rows := table{{"MIGRATION", "APPLIED"}}
	for _, m := range migrations {
		rows = append(rows, []string{m.Name, instant(m.AppliedAt, "pending")})
	}
	return rows.print(std.out)
}
