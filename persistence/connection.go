package persistence

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// emailsPerStatement bounds the lists of e-mails in statements. Longer ones
// are taken in pieces, each in a statement of its own.
const emailsPerStatement = 1000

// connectionRow is one user who is online: the projection of the user's sessions, there
// exactly while there is one. Every transaction locks those of these rows that exist in
// the order of the e-mails: with a statement of its own before it deletes or writes
// several times, or as it writes. Rows that are not there yet cannot be locked: two
// nodes that insert and delete the same users at once can still wait for each other.
// PostgreSQL then ends one of the transactions, and its batch is given again.
type connectionRow struct {
	bun.BaseModel `bun:"table:active_websocket_connections,alias:c"`

	Email        rollcall.Email `bun:"email"`
	ConnectedAt  time.Time      `bun:"connected_at,type:timestamptz"`
	LastActivity time.Time      `bun:"last_activity,type:timestamptz"`
	Inserted     bool           `bun:"inserted,scanonly"` // by the upsert that returned it
}

// connectionRows makes one row of each e-mail, ordered: a statement may not
// write a row twice.
func connectionRows(changes []rollcall.Change) []connectionRow {
	rows := make([]connectionRow, len(changes))
	for i, c := range changes {
		rows[i] = connectionRow{Email: c.Email, ConnectedAt: c.Since, LastActivity: c.UserActivity}
	}
	slices.SortFunc(rows, func(a, b connectionRow) int { return strings.Compare(string(a.Email), string(b.Email)) })
	merged := rows[:0]
	for _, row := range rows {
		if n := len(merged); n > 0 && merged[n-1].Email == row.Email {
			merged[n-1].add(row)
		} else {
			merged = append(merged, row)
		}
	}
	return merged
}

// add makes one row of two of the same user.
func (r *connectionRow) add(other connectionRow) {
	if other.ConnectedAt.Before(r.ConnectedAt) {
		r.ConnectedAt = other.ConnectedAt
	}
	if other.LastActivity.After(r.LastActivity) {
		r.LastActivity = other.LastActivity
	}
}

// lockConnections waits for every other transaction that writes these rows.
// The statements behind it, each with a view of its own, then see all sessions
// that those committed. Without it a node that deletes the last session it
// knows of, while another one inserts one, would judge by a view from before
// it waited, and delete the row of a user who is online.
func (d *Database) lockConnections(ctx context.Context, tx bun.Tx, emails []rollcall.Email) error {
	if d.dialect == SQLite { // its transactions wait for each other as a whole
		return nil
	}
	for chunk := range slices.Chunk(ordered(emails), emailsPerStatement) {
		p := newParameters(tx)
		_, err := d.dialect.lock(tx.NewSelect().Conn(p).Model((*connectionRow)(nil)).ColumnExpr("1").
			Where("email ?", p.in(chunk)).Order("email")).Exec(ctx)
		if err != nil {
			return fmt.Errorf("lock %d active connections: %w", len(chunk), err)
		}
	}
	return nil
}

// upsertConnections keeps the first connected_at and the last last_activity of
// what there is and what comes, and returns the rows as they are then, in order.
func (d *Database) upsertConnections(ctx context.Context, tx bun.Tx, rows []connectionRow) (now []connectionRow, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	p := newParameters(tx)
	upsert := insert(p, rows, "email", "connected_at", "last_activity").
		On("CONFLICT (email) DO UPDATE").
		Set("connected_at = CASE WHEN EXCLUDED.connected_at < c.connected_at" +
			" THEN EXCLUDED.connected_at ELSE c.connected_at END").
		Set("last_activity = " + later("c.last_activity", "EXCLUDED.last_activity"))
	if now, err = d.dialect.upserted(ctx, p, upsert, rows); err != nil {
		return nil, fmt.Errorf("upsert %d active connections: %w", len(rows), err)
	}
	return now, nil
}

// touchConnections moves last_activity, forwards only. The rows are ordered, and
// PostgreSQL finds one after the other in the index: so it locks them in that order.
func touchConnections(ctx context.Context, tx bun.Tx, rows []connectionRow) error {
	if len(rows) == 0 {
		return nil
	}
	p := newParameters(tx)
	_, err := tx.NewUpdate().Conn(p).
		With("touch", touches(p, "email", rows, func(r connectionRow) (string, time.Time) { return string(r.Email), r.LastActivity })).
		Model((*connectionRow)(nil)).TableExpr("touch").
		Set("last_activity = touch.last_activity").
		Where("c.email = touch.email").
		Where("c.last_activity < touch.last_activity").
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("touch %d active connections: %w", len(rows), err)
	}
	return nil
}

// deleteAbandoned deletes the rows of those e-mails that have no session, and
// returns them. The caller has locked them.
func deleteAbandoned(ctx context.Context, tx bun.Tx, emails []rollcall.Email) (deleted []connectionRow, err error) {
	for chunk := range slices.Chunk(ordered(emails), emailsPerStatement) {
		var rows []connectionRow
		p := newParameters(tx)
		_, err := tx.NewDelete().Conn(p).Model((*connectionRow)(nil)).
			Where("email ?", p.in(chunk)).
			Where("NOT EXISTS (?)", sessionsOf(tx)).
			Returning("email, connected_at").
			Exec(ctx, &rows)
		if err != nil {
			return nil, fmt.Errorf("delete what is abandoned of %d active connections: %w", len(chunk), err)
		}
		deleted = append(deleted, rows...)
	}
	return deleted, nil
}

// sessionsOf selects the sessions of the active connection c.
func sessionsOf(tx bun.Tx) *bun.SelectQuery {
	return tx.NewSelect().Model((*sessionRow)(nil)).ColumnExpr("1").Where("s.email = c.email")
}

// ordered sorts e-mails as the database does, each once.
func ordered(emails []rollcall.Email) []rollcall.Email {
	return slices.Compact(slices.Sorted(slices.Values(emails)))
}
