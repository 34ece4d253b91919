package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

const (
	// The users of the bench are bench0@bench.invalid and so on. Nobody can have
	// an address there (RFC 2606 section 2), so that they are told from all others.
	emailBefore = "bench"
	emailBehind = "@bench.invalid"
	// crowdChunk is how many users one transaction adds or removes: a server
	// on the same SQLite file waits for no longer than one of them.
	crowdChunk = 2000
	// tokenName is the name of the token that asks who is online.
	tokenName = "bench"
)

func appendEmail(b []byte, number int) []byte {
	b = append(b, emailBefore...)
	b = strconv.AppendInt(b, int64(number), 10)
	return append(b, emailBehind...)
}

// crowd is the users of the bench in a database, while it runs.
type crowd struct {
	db    *persistence.Database
	size  int
	token string
}

// newCrowd makes the tables if there are none, adds the users, and makes the token
// of one of them.
func newCrowd(ctx context.Context, url string, size int) (_ *crowd, err error) {
	db, err := persistence.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := makeTables(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	c := &crowd{db: db, size: size}
	defer func() {
		if err != nil { // also an interrupt: those who were added are not to stay
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			err = errors.Join(err, c.close(ctx))
		}
	}()
	for from := 0; from < size; from += crowdChunk {
		if _, err := db.AddUsers(ctx, emails(from, min(from+crowdChunk, size))); err != nil {
			return nil, fmt.Errorf("add the users of the bench: %w", err)
		}
	}
	c.token, err = db.CreateToken(ctx, emails(0, 1)[0], tokenName)
	return c, err
}

// makeTables makes them in a database that has none of ours. One that is behind is
// somebody's, and is not changed unasked: servers may run on its old schema.
func makeTables(ctx context.Context, db *persistence.Database) error {
	all, err := db.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	pending, err := db.Pending(ctx)
	switch {
	case err != nil:
		return err
	case len(pending) == 0:
		return nil
	case len(pending) < len(all):
		return fmt.Errorf("the database's schema is behind by %d (%s): run \"rollcall migrate up --database=…\" first",
			len(pending), strings.Join(pending, ", "))
	}
	_, err = db.Migrate(ctx)
	return err
}

// sessions counts the sessions that the tables have.
func (c *crowd) sessions(ctx context.Context) (int, error) {
	a, err := c.db.Audit(ctx)
	return a.Sessions, err
}

// close removes the users, and the token with them.
func (c *crowd) close(ctx context.Context) (err error) {
	for from := 0; from < c.size && err == nil; from += crowdChunk {
		_, _, err = c.db.RemoveUsers(ctx, emails(from, min(from+crowdChunk, c.size)))
	}
	if err != nil {
		err = fmt.Errorf("remove the users of the bench (all end with %s): %w", strings.TrimPrefix(emailBehind, "@"), err)
	}
	return errors.Join(err, c.db.Close())
}

func emails(from, to int) []rollcall.Email {
	all := make([]rollcall.Email, 0, to-from)
	for n := from; n < to; n++ {
		all = append(all, rollcall.Email(appendEmail(nil, n)))
	}
	return all
}

// WriteUsers writes the e-mails of the first users, one a line.
func WriteUsers(w io.Writer, count int) error {
	lines := bufio.NewWriter(w)
	for n := range count {
		_, _ = lines.Write(append(appendEmail(nil, n), '\n')) // Flush returns the error
	}
	if err := lines.Flush(); err != nil {
		return fmt.Errorf("write the users: %w", err)
	}
	return nil
}
