package persistence

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// usersPerPage is how many users are read at a time, so that a long list takes
// neither memory nor a long transaction.
const usersPerPage = 1000

// User is somebody who may connect while active.
type User struct {
	ID        int64
	Email     rollcall.Email
	Active    bool
	CreatedAt time.Time
}

type userRow struct {
	bun.BaseModel `bun:"table:users,alias:u"`

	ID        int64          `bun:"id,pk,autoincrement"`
	Email     rollcall.Email `bun:"email"`
	Active    bool           `bun:"active"`
	CreatedAt time.Time      `bun:"created_at"`
}

// AddUsers adds active users and returns how many of them are new. It adds none
// if one of the e-mails cannot be one.
func (d *Database) AddUsers(ctx context.Context, emails []rollcall.Email) (added int, err error) {
	for _, e := range emails {
		if err := checkUser(string(e)); err != nil {
			return 0, err
		}
	}
	err = d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		added = 0
		for chunk := range slices.Chunk(ordered(emails), emailsPerStatement) {
			n, err := insertUsers(ctx, tx, chunk)
			if err != nil {
				return err
			}
			added += n
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("add %d users: %w", len(emails), err)
	}
	return added, nil
}

// RemoveUsers removes users and their tokens, and returns how many that were and
// which of the e-mails were no user's. Their open sessions go on.
func (d *Database) RemoveUsers(ctx context.Context, emails []rollcall.Email) (removed int, missing []rollcall.Email, err error) {
	return d.changeUsers(ctx, "remove", emails, func(tx bun.Tx, chunk []rollcall.Email) (changed []rollcall.Email, err error) {
		_, err = tx.NewDelete().Model((*userRow)(nil)).Where("email IN (?)", bun.List(chunk)).
			Returning("email").Exec(ctx, &changed)
		return changed, err
	})
}

// SetUsersActive allows or forbids users to connect, and returns how many that
// were and which of the e-mails were no user's. Their open sessions go on.
func (d *Database) SetUsersActive(
	ctx context.Context, emails []rollcall.Email, active bool,
) (changed int, missing []rollcall.Email, err error) {
	return d.changeUsers(ctx, "change", emails, func(tx bun.Tx, chunk []rollcall.Email) (changed []rollcall.Email, err error) {
		_, err = tx.NewUpdate().Model((*userRow)(nil)).Set("active = ?", active).
			Where("email IN (?)", bun.List(chunk)).Returning("email").Exec(ctx, &changed)
		return changed, err
	})
}

// Users walks through all users in the order of their e-mails, as they are while
// it walks. It ends after an error.
func (d *Database) Users(ctx context.Context) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		var last rollcall.Email
		for {
			page, err := d.usersAfter(ctx, last)
			if err != nil {
				yield(User{}, err)
				return
			}
			for _, row := range page {
				last = row.Email
				if !yield(User{row.ID, row.Email, row.Active, row.CreatedAt.UTC()}, nil) {
					return
				}
			}
			if len(page) < usersPerPage {
				return
			}
		}
	}
}

func (d *Database) usersAfter(ctx context.Context, last rollcall.Email) (page []userRow, err error) {
	err = d.bun.NewSelect().Model(&page).Column("id", "email", "active", "created_at").
		Where("email > ?", last).Order("email").Limit(usersPerPage).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return page, nil
}

// checkUser says what is wrong with an e-mail that is to be a user's.
func checkUser(raw string) error {
	if _, err := rollcall.ParseEmail(raw); err != nil || !strings.Contains(raw, "@") {
		return fmt.Errorf("%.80q is not an e-mail", raw)
	}
	return nil
}

func insertUsers(ctx context.Context, db bun.IDB, emails []rollcall.Email) (added int, err error) {
	rows := make([]userRow, len(emails))
	for i, e := range emails {
		rows[i] = userRow{Email: e, Active: true, CreatedAt: now()}
	}
	result, err := db.NewInsert().Model(&rows).Column("email", "active", "created_at").
		On("CONFLICT (email) DO NOTHING").Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("insert %d users: %w", len(rows), err)
	}
	return affected(result), nil
}

// changeUsers applies a change that returns the e-mails it found, in one
// transaction.
func (d *Database) changeUsers(
	ctx context.Context, verb string, emails []rollcall.Email,
	change func(bun.Tx, []rollcall.Email) ([]rollcall.Email, error),
) (changed int, missing []rollcall.Email, err error) {
	found := make(map[rollcall.Email]bool, len(emails))
	err = d.transact(ctx, func(_ context.Context, tx bun.Tx) error {
		for chunk := range slices.Chunk(ordered(emails), emailsPerStatement) {
			done, err := change(tx, chunk)
			if err != nil {
				return err
			}
			for _, e := range done {
				found[e] = true
			}
		}
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("%s %d users: %w", verb, len(emails), err)
	}
	for _, e := range ordered(emails) {
		if !found[e] {
			missing = append(missing, e)
		}
	}
	return len(found), missing, nil
}

// activeUsers maps those of the e-mails that are active users' to themselves.
func activeUsers(ctx context.Context, tx bun.Tx, asked []rollcall.Email) (map[rollcall.Email]rollcall.Email, error) {
	users := make(map[rollcall.Email]rollcall.Email, len(asked))
	for chunk := range slices.Chunk(ordered(asked), emailsPerStatement) {
		var found []rollcall.Email
		p := newParameters(tx)
		err := tx.NewSelect().Conn(p).Model((*userRow)(nil)).Column("email").
			Where("email ?", p.in(chunk)).Where("active").Scan(ctx, &found)
		if err != nil {
			return nil, fmt.Errorf("look %d users up: %w", len(chunk), err)
		}
		for _, e := range found {
			users[e] = e
		}
	}
	return users, nil
}

// activeUsersFolded maps those of the e-mails that are active users', whatever
// the case of their letters, to the spelling of the user: the oldest, where
// several users differ in case only.
func activeUsersFolded(ctx context.Context, tx bun.Tx, asked []rollcall.Email) (map[rollcall.Email]rollcall.Email, error) {
	folded := make(map[rollcall.Email][]rollcall.Email, len(asked))
	for _, e := range asked {
		key := e.Fold()
		folded[key] = append(folded[key], e)
	}
	users := make(map[rollcall.Email]rollcall.Email, len(asked))
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(folded)), emailsPerStatement) {
		var found []rollcall.Email
		p := newParameters(tx)
		err := tx.NewSelect().Conn(p).Model((*userRow)(nil)).Column("email").
			Where("lower(email) ?", p.in(chunk)).Where("active").
			OrderExpr("id DESC").Scan(ctx, &found)
		if err != nil {
			return nil, fmt.Errorf("look %d users up: %w", len(chunk), err)
		}
		for _, spelling := range found { // the oldest comes last and stays
			for _, e := range folded[spelling.Fold()] {
				users[e] = spelling
			}
		}
	}
	return users, nil
}

// userSpellings returns how the users, active or not, that each e-mail means spell
// themselves. Who is no user is missing.
func (d *Database) userSpellings(
	ctx context.Context, asked []rollcall.Email, match EmailMatch,
) (map[rollcall.Email][]rollcall.Email, error) {
	column, key := "email", func(e rollcall.Email) rollcall.Email { return e }
	if match == MatchCasefold {
		column, key = "lower(email)", rollcall.Email.Fold
	}
	keys := make([]rollcall.Email, len(asked))
	for i, e := range asked {
		keys[i] = key(e)
	}
	found := make(map[rollcall.Email][]rollcall.Email, len(asked)) // by the key
	for chunk := range slices.Chunk(ordered(keys), emailsPerStatement) {
		var users []rollcall.Email
		err := d.bun.NewSelect().Model((*userRow)(nil)).Column("email").
			Where("? IN (?)", bun.Safe(column), bun.List(chunk)).Scan(ctx, &users)
		if err != nil {
			return nil, fmt.Errorf("look up which of %d e-mails are users': %w", len(chunk), err)
		}
		for _, e := range users {
			found[key(e)] = append(found[key(e)], e)
		}
	}
	spellings := make(map[rollcall.Email][]rollcall.Email, len(asked))
	for _, e := range asked {
		if users := found[key(e)]; users != nil {
			spellings[e] = users
		}
	}
	return spellings, nil
}
