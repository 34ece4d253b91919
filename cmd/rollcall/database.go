package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/rollcall/rollcall/persistence"
)

// openDatabase opens a database whose schema is up to date. SQLite's file is
// brought there unasked, because it has one user; PostgreSQL is changed only
// when the operator says so, because other servers may run on the old schema.
func openDatabase(ctx context.Context, url string, migrate bool, log *slog.Logger) (*persistence.Database, error) {
	db, err := persistence.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := bringUpToDate(ctx, db, migrate || strings.HasPrefix(url, "sqlite:"), log); err != nil {
		_ = db.Close() // the error that led here says more
		return nil, err
	}
	return db, nil
}

func bringUpToDate(ctx context.Context, db *persistence.Database, migrate bool, log *slog.Logger) error {
	pending, err := db.Pending(ctx)
	switch {
	case err != nil:
		return err
	case len(pending) == 0:
		return nil
	case !migrate:
		return fmt.Errorf("the database's schema is behind by %d (%s): run \"rollcall migrate up\" first",
			len(pending), strings.Join(pending, ", "))
	}
	applied, err := db.Migrate(ctx)
	if len(applied) > 0 {
		log.Info("database migrated", "applied", applied)
	}
	return err
}
