package persistence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
)

// migrationTable is where Bun keeps which migrations are applied.
const migrationTable = "bun_migrations"

// unlockTimeout bounds the release of the migration lock. After it the lock
// ends with its connection.
const unlockTimeout = 5 * time.Second

// errOvertaken means that another server has run a migration since this one
// looked.
var errOvertaken = errors.New("another server has just run this migration")

// Migration is one step of the schema, and when it was applied: the zero time if
// it was not.
type Migration struct {
	Name      string
	AppliedAt time.Time
}

// Migrate applies what is missing and returns its names. Servers that do so at
// once wait for each other. Each migration is one transaction: it is applied and
// noted, or neither.
func (d *Database) Migrate(ctx context.Context) ([]string, error) {
	return d.migrate(ctx, "apply the migrations", (*migrate.Migrator).Migrate)
}

// MigrateDown undoes the migrations that were last applied together and returns
// their names. Their data is lost.
func (d *Database) MigrateDown(ctx context.Context) ([]string, error) {
	return d.migrate(ctx, "undo the migrations", (*migrate.Migrator).Rollback)
}

// MigrationStatus lists all migrations that this program knows, in order. It
// writes nothing.
func (d *Database) MigrationStatus(ctx context.Context) ([]Migration, error) {
	migrations, err := d.migrations()
	if err != nil {
		return nil, err
	}
	all := migrations.Sorted()
	exists, err := d.dialect.hasTable(ctx, d.bun, migrationTable)
	if err == nil && exists { // a new database has no table of migrations yet
		all, err = migrate.NewMigrator(d.bun, migrations, migrate.WithTableName(migrationTable)).
			MigrationsWithStatus(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read the state of the migrations: %w", err)
	}
	status := make([]Migration, len(all))
	for i, m := range all {
		status[i] = Migration{Name: m.String(), AppliedAt: m.MigratedAt.UTC()}
	}
	return status, nil
}

// Pending lists the migrations that are not applied. It writes nothing.
func (d *Database) Pending(ctx context.Context) ([]string, error) {
	status, err := d.MigrationStatus(ctx)
	var pending []string
	for _, m := range status {
		if m.AppliedAt.IsZero() {
			pending = append(pending, m.Name)
		}
	}
	return pending, err
}

func (d *Database) migrations() (*migrate.Migrations, error) {
	files, err := d.dialect.migrations()
	if err != nil {
		return nil, fmt.Errorf("open the embedded migrations: %w", err)
	}
	migrations := migrate.NewMigrations()
	if err := migrations.Discover(files); err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	return migrations, nil
}

type migrateStep func(*migrate.Migrator, context.Context, ...migrate.MigrationOption) (*migrate.MigrationGroup, error)

// migrate runs a step of Bun's under the lock, and again when it was overtaken:
// each time there is one migration less to run.
func (d *Database) migrate(ctx context.Context, what string, step migrateStep) ([]string, error) {
	migrations, err := d.migrations()
	if err != nil {
		return nil, err
	}
	unlock, err := d.dialect.lockMigrations(ctx, d.bun)
	if err != nil {
		return nil, err
	}
	defer unlock()
	run := migrationRun{db: d.bun}
	migrator := migrate.NewMigrator(d.bun, migrations, migrate.WithTableName(migrationTable),
		migrate.BeforeMigration(run.check), migrate.AfterMigration(run.note),
		// Bun notes each migration too, after run.note did: once, and with no second row.
		migrate.WithMarkAppliedOnSuccess(true), migrate.WithUpsert(true))
	if err := migrator.Init(ctx); err != nil {
		return nil, fmt.Errorf("create the table of migrations: %w", err)
	}
	for err = errOvertaken; errors.Is(err, errOvertaken); {
		_, err = step(migrator, ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return run.names, nil
}

// migrationRun is what happens in the transaction of each migration besides its
// own statements.
type migrationRun struct {
	db    *bun.DB
	names []string
}

// check comes before the statements. Bun chose the migration by what it had read
// outside of the transaction, and another server may have been faster.
func (r *migrationRun) check(ctx context.Context, tx bun.IConn, m *migrate.Migration) error {
	n, err := r.db.NewSelect().Conn(tx).TableExpr(migrationTable).Where("name = ?", m.Name).Count(ctx)
	if err != nil {
		return fmt.Errorf("read the state of %s: %w", m, err)
	}
	if applied := n > 0; applied != m.IsApplied() {
		return errOvertaken
	}
	return nil
}

// note comes after the statements. Bun itself would note the migration in a
// second transaction, and a process killed between the two would leave a schema
// that nobody knows of.
func (r *migrationRun) note(ctx context.Context, tx bun.IConn, m *migrate.Migration) (err error) {
	if m.IsApplied() { // until now: it has just been undone
		_, err = r.db.NewDelete().Conn(tx).TableExpr(migrationTable).Where("name = ?", m.Name).Exec(ctx)
	} else {
		m.MigratedAt = now()
		row := &migrate.Migration{Name: m.Name, GroupID: m.GroupID, MigratedAt: m.MigratedAt}
		_, err = r.db.NewInsert().Conn(tx).Model(row).ModelTableExpr(migrationTable).Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("note the state of %s: %w", m, err)
	}
	r.names = append(r.names, m.String())
	return nil
}
