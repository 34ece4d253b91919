package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// maxReason is the length of the reason's column in characters. What is longer
// is cut off there.
const maxReason = 64

// historyRow is one session that has ended.
type historyRow struct {
	bun.BaseModel `bun:"table:session_history,alias:h"`

	ID      rollcall.SessionID `bun:"id,pk,type:uuid"`
	EndedAt time.Time          `bun:"ended_at"`
}

// endRow says of a session, or of all the sessions of a node, how it ended.
type endRow struct {
	Session rollcall.SessionID `bun:"session,type:uuid"`
	Node    int64              `bun:"node"`
	EndedAt time.Time          `bun:"ended_at"`
	Reason  string             `bun:"reason"`
}

// recordSessions copies sessions that end into the history. One without a
// reason was never greeted, and is no history.
func (d *Database) recordSessions(ctx context.Context, tx bun.Tx, deletes []rollcall.Change) error {
	var ends []endRow
	for _, c := range deletes {
		if c.Reason != "" {
			ends = append(ends, endRow{Session: c.Session, EndedAt: c.EndedAt, Reason: clean(c.Reason, maxReason)})
		}
	}
	if len(ends) == 0 {
		return nil
	}
	return d.record(ctx, tx, ends, "s.id = e.session")
}

// recordNodes copies all sessions of nodes that end now into the history.
func (d *Database) recordNodes(ctx context.Context, tx bun.Tx, nodes []int64, reason string) error {
	ends := make([]endRow, len(nodes))
	for i, node := range nodes {
		ends[i] = endRow{Node: node, EndedAt: now(), Reason: reason}
	}
	return d.record(ctx, tx, ends, "s.node_id = e.node")
}

// record leaves a session that is in the history already, where it is if it was
// swept from under a node that was only paused, and corrects how it ended.
func (d *Database) record(ctx context.Context, tx bun.Tx, ends []endRow, on string) error {
	ended := tx.NewSelect().Model((*sessionRow)(nil)).
		Column("s.id", "s.email").ColumnExpr("n.name AS node").
		Column("s.connected_at", "e.ended_at", "s.last_activity").
		ColumnExpr("? AS duration_ms", d.dialect.milliseconds("s.connected_at", "e.ended_at")).
		Column("e.reason", "s.address", "s.user_agent").
		Join("JOIN ends AS e ON " + on).
		Join("JOIN nodes AS n ON n.id = s.node_id")
	_, err := tx.NewInsert().
		With("ends", tx.NewValues(&ends)).With("ended", ended).
		Model((*historyRow)(nil)).
		Column("id", "email", "node", "connected_at", "ended_at", "last_activity",
						"duration_ms", "reason", "address", "user_agent").
		TableExpr("ended WHERE TRUE"). // without WHERE, SQLite reads ON CONFLICT as the ON of a join
		On("CONFLICT (id) DO UPDATE").
		Set("ended_at = EXCLUDED.ended_at").
		Set("last_activity = EXCLUDED.last_activity").
		Set("duration_ms = EXCLUDED.duration_ms").
		Set("reason = EXCLUDED.reason").
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("record the end of sessions: %w", err)
	}
	return nil
}

// prune deletes the oldest sessions that ended before a time, at most limit.
func (d *Database) prune(ctx context.Context, before time.Time, limit int64) error {
	err := d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		oldest := d.dialect.lockFree(tx.NewSelect().Model((*historyRow)(nil)).Column("id").
			Where("ended_at < ?", before).Order("ended_at").Limit(limit))
		_, err := tx.NewDelete().Model((*historyRow)(nil)).Where("id IN (?)", oldest).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("prune the session history: %w", err)
	}
	return nil
}
