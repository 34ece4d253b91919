package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

type userCmd struct {
	Add        userAddCmd        `cmd:"" help:"Add users. Those who are users already stay as they are."`
	Import     userImportCmd     `cmd:"" help:"Add the users of a file, one e-mail a line."`
	List       userListCmd       `cmd:"" help:"List the users."`
	Activate   userActivateCmd   `cmd:"" help:"Let users connect again."`
	Deactivate userDeactivateCmd `cmd:"" help:"Refuse users from now on, and their tokens, but keep them."`
	Remove     userRemoveCmd     `cmd:"" help:"Remove users and their tokens."`
}

// users are the e-mails on a command line.
type users struct {
	Emails []rollcall.Email `arg:"" name:"email" sep:"none" help:"The users' e-mails."`
}

// Validate refuses all of them when one cannot be an e-mail.
func (u users) Validate() error {
	for _, e := range u.Emails {
		if _, err := rollcall.ParseEmail(string(e)); err != nil || !strings.Contains(string(e), "@") {
			return fmt.Errorf("%q is not an e-mail", e)
		}
	}
	return nil
}

type userAddCmd struct{ users }

// Run adds one after the other, so that it can say of each whether it is new.
func (c *userAddCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	db, err := openDatabase(ctx, s.Database, false, log)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, e := range c.Emails {
		added, err := db.AddUsers(ctx, []rollcall.Email{e})
		switch {
		case err != nil:
			return err
		case added == 0:
			fmt.Fprintln(std.out, "known", printable(string(e)))
		default:
			fmt.Fprintln(std.out, "added", printable(string(e)))
		}
	}
	return nil
}

type userImportCmd struct {
	File string `arg:"" help:"The file, or - for standard input. Blank lines and those that begin with # are skipped."`
}

// Run adds every e-mail that is one. It fails when a line was none, so that a
// script does not take a part for the whole.
func (c *userImportCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	lines := std.in
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("reading the users: %w", err)
		}
		defer file.Close()
		lines = file
	}
	return importUsers(ctx, s, std, log, lines)
}

func importUsers(ctx context.Context, s *shared, std *streams, log *slog.Logger, lines io.Reader) error {
	db, err := openDatabase(ctx, s.Database, false, log)
	if err != nil {
		return err
	}
	defer db.Close()
	imported, err := db.ImportUsers(ctx, lines)
	if err != nil {
		return err
	}
	for _, line := range imported.Invalid {
		fmt.Fprintln(std.err, printable(line))
	}
	if unnamed := imported.Refused - len(imported.Invalid); unnamed > 0 {
		fmt.Fprintf(std.err, "and %s more\n", counted(unnamed, "line"))
	}
	fmt.Fprintf(std.out, "added %d, known %d, invalid %d\n", imported.Added, imported.Known, imported.Refused)
	if imported.Refused > 0 {
		return errors.New("not every line is an e-mail; all others are users now")
	}
	return nil
}

type userListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// listedUser is a user as --json prints it.
type listedUser struct {
	Email     rollcall.Email `json:"email"`
	Active    bool           `json:"active"`
	CreatedAt time.Time      `json:"created_at"`
}

// Run lists the users by e-mail.
func (c *userListCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	db, err := openDatabase(ctx, s.Database, false, log)
	if err != nil {
		return err
	}
	defer db.Close()
	listed := []listedUser{}
	rows := table{{"EMAIL", "ACTIVE", "CREATED"}}
	for user, err := range db.Users(ctx) {
		if err != nil {
			return err
		}
		active := "yes"
		if !user.Active {
			active = "no"
		}
		listed = append(listed, listedUser{user.Email, user.Active, user.CreatedAt})
		rows = append(rows, []string{string(user.Email), active, instant(user.CreatedAt, "")})
	}
	if c.JSON {
		return printJSON(std.out, listed)
	}
	return rows.print(std.out)
}

type userActivateCmd struct{ users }

// Run lets them connect again.
func (c *userActivateCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	return c.change(ctx, s, std, log, "activated", func(db *persistence.Database) (int, []rollcall.Email, error) {
		return db.SetUsersActive(ctx, c.Emails, true)
	})
}

type userDeactivateCmd struct{ users }

// Run refuses them from their next connect on.
func (c *userDeactivateCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	return c.change(ctx, s, std, log, "deactivated", func(db *persistence.Database) (int, []rollcall.Email, error) {
		return db.SetUsersActive(ctx, c.Emails, false)
	})
}

type userRemoveCmd struct{ users }

// Run removes them and their tokens.
func (c *userRemoveCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	return c.change(ctx, s, std, log, "removed", func(db *persistence.Database) (int, []rollcall.Email, error) {
		return db.RemoveUsers(ctx, c.Emails)
	})
}

// change fails when somebody is no user: a slip of the pen must not leave the
// wrong one active in silence. The others are changed all the same.
func (u users) change(ctx context.Context, s *shared, std *streams, log *slog.Logger, done string,
	change func(*persistence.Database) (int, []rollcall.Email, error),
) error {
	db, err := openDatabase(ctx, s.Database, false, log)
	if err != nil {
		return err
	}
	defer db.Close()
	n, missing, err := change(db)
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, done, n)
	if len(missing) > 0 {
		return fmt.Errorf("not a user: %s", strings.Trim(fmt.Sprint(missing), "[]"))
	}
	return nil
}
