package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// What is longer than its column, in characters, is cut off there.
const (
	maxAddress   = 64
	maxUserAgent = 512
)

// sessionRow is one socket that has been greeted.
type sessionRow struct {
	bun.BaseModel `bun:"table:sessions,alias:s"`

	ID           rollcall.SessionID `bun:"id,pk,type:uuid"`
	Email        rollcall.Email     `bun:"email"`
	NodeID       int64              `bun:"node_id"`
	ConnectedAt  time.Time          `bun:"connected_at"`
	LastActivity time.Time          `bun:"last_activity"`
	Address      string             `bun:"address"`
	UserAgent    string             `bun:"user_agent"`
}

func newSessionRow(node int64, c rollcall.Change) sessionRow {
	return sessionRow{
		ID:           c.Session,
		Email:        c.Email,
		NodeID:       node,
		ConnectedAt:  c.ConnectedAt,
		LastActivity: c.LastActivity,
		Address:      clean(c.Address, maxAddress),
		UserAgent:    clean(c.UserAgent, maxUserAgent),
	}
}

func newSessionRows(node int64, inserts []rollcall.Change) []sessionRow {
	rows := make([]sessionRow, len(inserts))
	for i, c := range inserts {
		rows[i] = newSessionRow(node, c)
	}
	return rows
}

// insertSessions may be given rows that exist: a batch comes again when the
// answer to it was lost.
func insertSessions(ctx context.Context, tx bun.Tx, rows []sessionRow) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := insert(newParameters(tx), rows, "id", "email", "node_id", "connected_at", "last_activity", "address", "user_agent").
		On("CONFLICT (id) DO UPDATE").
		Set("email = EXCLUDED.email"). // its user's spelling may have been corrected
		Set("last_activity = " + later("s.last_activity", "EXCLUDED.last_activity")).
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("insert %d sessions: %w", len(rows), err)
	}
	return nil
}

// countSessions reads no row, only the index on the node.
func countSessions(ctx context.Context, tx bun.Tx, node int64) (int, error) {
	n, err := tx.NewSelect().Model((*sessionRow)(nil)).Where("node_id = ?", node).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count the sessions of the node: %w", err)
	}
	return int(n), nil
}

// touchRow is the activity of a session.
type touchRow struct {
	ID           rollcall.SessionID `bun:"id"`
	LastActivity time.Time          `bun:"last_activity"`
}

// touchSessions moves last_activity, forwards only.
func touchSessions(ctx context.Context, tx bun.Tx, changes []rollcall.Change) error {
	if len(changes) == 0 {
		return nil
	}
	rows := make([]touchRow, len(changes))
	for i, c := range changes {
		rows[i] = touchRow{ID: c.Session, LastActivity: c.LastActivity}
	}
	p := newParameters(tx)
	_, err := tx.NewUpdate().Conn(p).
		With("touch", touches(p, "id", rows, func(r touchRow) (string, time.Time) { return r.ID.String(), r.LastActivity })).
		Model((*sessionRow)(nil)).TableExpr("touch").
		Set("last_activity = touch.last_activity").
		Where("s.id = touch.id").
		Where("s.last_activity < touch.last_activity").
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("touch %d sessions: %w", len(rows), err)
	}
	return nil
}

// sessionEmails returns the id and the e-mail of those sessions that have rows.
func sessionEmails(ctx context.Context, tx bun.Tx, ids []rollcall.SessionID) (rows []sessionRow, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	p := newParameters(tx)
	err = tx.NewSelect().Conn(p).Model(&rows).Column("id", "email").Where("id ?", p.in(ids)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the e-mails of %d sessions: %w", len(ids), err)
	}
	return rows, nil
}

func deleteSessions(ctx context.Context, tx bun.Tx, ids []rollcall.SessionID) error {
	if len(ids) == 0 {
		return nil
	}
	p := newParameters(tx)
	_, err := tx.NewDelete().Conn(p).Model((*sessionRow)(nil)).Where("id ?", p.in(ids)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("delete %d sessions: %w", len(ids), err)
	}
	return nil
}

// nodeEmails returns the e-mails that have sessions on these nodes.
func nodeEmails(ctx context.Context, tx bun.Tx, nodes []int64) (emails []rollcall.Email, err error) {
	err = tx.NewSelect().Model((*sessionRow)(nil)).Distinct().Column("email").
		Where("node_id IN (?)", bun.List(nodes)).Scan(ctx, &emails)
	if err != nil {
		return nil, fmt.Errorf("read the e-mails of %d nodes: %w", len(nodes), err)
	}
	return emails, nil
}

func deleteNodeSessions(ctx context.Context, tx bun.Tx, nodes []int64) (int, error) {
	result, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("node_id IN (?)", bun.List(nodes)).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("delete the sessions of %d nodes: %w", len(nodes), err)
	}
	return affected(result), nil
}

// later is the SQL of the later of two times. The functions that say so are
// called differently in the two databases.
func later(a, b string) string {
	return "CASE WHEN " + a + " < " + b + " THEN " + b + " ELSE " + a + " END"
}
