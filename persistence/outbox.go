package persistence

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// The outbox is bounded by age, by the clock of the database.
const (
	// noticesFor is how long a notice is tried. Whoever has the turn then gives it up
	// and says so.
	noticesFor = 24 * time.Hour
	// forgottenAfter is how long a notice stays when no server posts any more. The
	// sweep deletes it then.
	forgottenAfter = 2 * noticesFor
)

// noticeRow is a join or a leave that is still to be posted.
type noticeRow struct {
	bun.BaseModel `bun:"table:outbox,alias:o"`

	ID          int64              `bun:"id,pk,autoincrement"`
	Kind        rollcall.EventKind `bun:"kind"`
	Email       rollcall.Email     `bun:"email"`
	At          time.Time          `bun:"at"`
	ConnectedAt time.Time          `bun:"connected_at"`
	Reason      string             `bun:"reason"`
	WrittenAt   time.Time          `bun:"written_at"`
	Old         bool               `bun:"old,scanonly"`
}

// ending is when and why a user's last session ended.
type ending struct {
	at       time.Time
	reason   string
	admitted bool
}

// after reports whether a user has left with this ending, and not with that one. A
// session that was never admitted is none's last, if there is another.
func (e ending) after(other ending) bool {
	if e.admitted != other.admitted {
		return e.admitted
	}
	return e.at.After(other.at)
}

// endings finds the last ending of each user, under the spelling of the session's
// row and that of the change: one of them is that of the user's row.
func endings(deletes []rollcall.Change, rows []sessionRow) map[rollcall.Email]ending {
	emails := make(map[rollcall.SessionID]rollcall.Email, len(rows))
	for _, row := range rows {
		emails[row.ID] = row.Email
	}
	last := make(map[rollcall.Email]ending, len(deletes))
	for _, c := range deletes {
		spellings := []rollcall.Email{c.Email}
		if email, ok := emails[c.Session]; ok && email != c.Email {
			spellings = append(spellings, email)
		}
		for _, email := range spellings {
			end := ending{c.EndedAt, clean(c.Reason, maxReason), c.Admitted}
			if e, ok := last[email]; !ok || end.after(e) {
				last[email] = end
			}
		}
	}
	return last
}

// endingsNow is one ending for all.
func endingsNow(emails []rollcall.Email, reason string) map[rollcall.Email]ending {
	last := make(map[rollcall.Email]ending, len(emails))
	for _, email := range emails {
		last[email] = ending{at: now(), reason: reason}
	}
	return last
}

// announceJoins writes a notice for each row that this transaction has inserted, if
// they are announced at all. A user whose row was swept from under a session, and is
// written again, joins anew: the leave has been announced.
func (d *Database) announceJoins(
	ctx context.Context, tx bun.Tx, announce bool, rows []connectionRow, inserts []rollcall.Change,
) error {
	if !announce {
		return nil
	}
	again := make(map[rollcall.Email]bool)
	for _, c := range inserts {
		if c.Admitted {
			again[c.Email] = true
		}
	}
	var notices []noticeRow
	for _, row := range rows {
		if !row.Inserted {
			continue
		}
		notice := noticeRow{Kind: rollcall.EventJoin, Email: row.Email, At: row.ConnectedAt, ConnectedAt: row.ConnectedAt}
		if again[row.Email] {
			notice.At = now()
		}
		notices = append(notices, notice)
	}
	return d.insertNotices(ctx, tx, notices)
}

// dismiss deletes the rows of those users who have no session left, which the caller
// has locked, and writes a notice for each, if they are announced at all.
func (d *Database) dismiss(ctx context.Context, tx bun.Tx, announce bool, ends map[rollcall.Email]ending) error {
	rows, err := deleteAbandoned(ctx, tx, slices.Collect(maps.Keys(ends)))
	if err != nil || !announce {
		return err
	}
	notices := make([]noticeRow, len(rows))
	for i, row := range rows {
		end := ends[row.Email]
		notices[i] = noticeRow{
			Kind: rollcall.EventLeave, Email: row.Email, At: end.at, ConnectedAt: row.ConnectedAt, Reason: end.reason,
		}
	}
	return d.insertNotices(ctx, tx, notices)
}

// insertNotices comes after the rows of the users have changed: their locks are what
// makes the numbers of one user's notices grow in the order of the transactions.
func (d *Database) insertNotices(ctx context.Context, tx bun.Tx, notices []noticeRow) error {
	for chunk := range slices.Chunk(notices, emailsPerStatement) {
		_, err := tx.NewInsert().Model(&chunk).
			Column("kind", "email", "at", "connected_at", "reason", "written_at").
			Value("written_at", "?", d.dialect.clock(0)).Returning("NULL").Exec(ctx)
		if err != nil {
			return fmt.Errorf("announce %d joins and leaves: %w", len(chunk), err)
		}
	}
	return nil
}

// forgetNotices deletes of the oldest notices, at most limit, those that no server
// wants to post.
func (d *Database) forgetNotices(ctx context.Context, limit int64) error {
	err := d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		oldest := d.dialect.lockFree(tx.NewSelect().Model((*noticeRow)(nil)).Column("id").Order("id").Limit(limit))
		_, err := tx.NewDelete().Model((*noticeRow)(nil)).
			Where("id IN (?)", oldest).
			Where("written_at < ?", d.dialect.clock(-forgottenAfter)).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget old joins and leaves: %w", err)
	}
	return nil
}
