package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

var _ rollcall.Outbox = (*Node)(nil)

// turnRow is the one row that says who may post, and how it went.
type turnRow struct {
	bun.BaseModel `bun:"table:outbox_turn,alias:t"`

	NodeID    int64     `bun:"node_id"`
	Epoch     int64     `bun:"epoch"`
	ExpiresAt time.Time `bun:"expires_at"`
	NotBefore time.Time `bun:"not_before"`
	Failures  int       `bun:"failures"`
	GivenUp   int       `bun:"given_up"`
}

// Take looks before it takes, so that an empty outbox costs one read. A server that
// starts under the name of one that had the turn has it at once.
func (n *Node) Take(ctx context.Context, most int, turn time.Duration) (taken rollcall.Taken, err error) {
	free, err := n.looks(ctx)
	if err != nil || !free {
		return rollcall.Taken{}, err
	}
	err = n.db.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		taken = rollcall.Taken{}
		mine, err := n.takeTurn(ctx, tx, turn, &taken.Failures)
		if err != nil || !mine {
			return err
		}
		rows, err := n.db.oldestNotices(ctx, tx, most)
		if err != nil {
			return err
		}
		var old []int64
		for _, row := range rows {
			if row.Old {
				old = append(old, row.ID)
				continue
			}
			taken.Notices = append(taken.Notices, rollcall.Notice{
				ID: row.ID, Kind: row.Kind, Email: row.Email,
				At: row.At.UTC(), ConnectedAt: row.ConnectedAt.UTC(), Reason: row.Reason,
			})
		}
		taken.GivenUp, err = giveUp(ctx, tx, old)
		return err
	})
	if err != nil {
		return rollcall.Taken{}, fmt.Errorf("take from the outbox as node %s: %w", n.config.Name, err)
	}
	return taken, nil
}

// Accept deletes the notices, and with them the count of failures.
func (n *Node) Accept(ctx context.Context, notices []rollcall.Notice) error {
	ids := make([]int64, len(notices))
	for i, notice := range notices {
		ids[i] = notice.ID
	}
	err := n.db.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := deleteNotices(ctx, tx, ids); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Model((*turnRow)(nil)).Set("failures = 0").Set("not_before = NULL").
			Where("failures > 0").Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("accept %d joins and leaves: %w", len(ids), err)
	}
	return nil
}

// Postpone gives up the turn too: after the pause it is anybody's.
func (n *Node) Postpone(ctx context.Context, pause time.Duration) error {
	_, err := n.ownTurn().Set("expires_at = NULL").Set("failures = failures + 1").
		Set("not_before = ?", n.db.dialect.clock(pause)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("postpone the outbox: %w", err)
	}
	return nil
}

// Yield spares the others the wait for the end of the turn.
func (n *Node) Yield(ctx context.Context) error {
	if _, err := n.ownTurn().Set("expires_at = NULL").Exec(ctx); err != nil {
		return fmt.Errorf("yield the turn at the outbox: %w", err)
	}
	return nil
}

// endPause lets the webhook be tried at once, whatever it has asked for: a server that
// starts may have been given another one.
func endPause(ctx context.Context, tx bun.Tx) error {
	_, err := tx.NewUpdate().Model((*turnRow)(nil)).Set("not_before = NULL").Where("not_before IS NOT NULL").Exec(ctx)
	if err != nil {
		return fmt.Errorf("end the pause of the outbox: %w", err)
	}
	return nil
}

// ownTurn is an update of the turn as long as it is the node's own.
func (n *Node) ownTurn() *bun.UpdateQuery {
	return n.db.bun.NewUpdate().Model((*turnRow)(nil)).Where("node_id = ?", n.id).Where("epoch = ?", n.epoch)
}

// looks reports whether there is something to take, and nobody else's turn.
func (n *Node) looks(ctx context.Context) (free bool, err error) {
	anything := n.db.bun.NewSelect().Model((*noticeRow)(nil)).ColumnExpr("1")
	count, err := n.db.bun.NewSelect().Model((*turnRow)(nil)).ApplyQueryBuilder(n.free).
		Where("EXISTS (?)", anything).Count(ctx)
	if err != nil {
		return false, fmt.Errorf("look into the outbox: %w", err)
	}
	return count > 0, nil
}

// takeTurn takes or prolongs the turn, if it is free or the node's own.
func (n *Node) takeTurn(ctx context.Context, tx bun.Tx, turn time.Duration, failures *int) (bool, error) {
	var taken []int
	err := tx.NewUpdate().Model((*turnRow)(nil)).ApplyQueryBuilder(n.free).
		Set("node_id = ?", n.id).Set("epoch = ?", n.epoch).
		Set("expires_at = ?", n.db.dialect.clock(turn)).
		Returning("failures").Scan(ctx, &taken)
	if err != nil {
		return false, fmt.Errorf("take the turn: %w", err)
	}
	if len(taken) == 0 {
		return false, nil
	}
	*failures = taken[0]
	return true, nil
}

// free is the condition under which the node may take the turn.
func (n *Node) free(q bun.QueryBuilder) bun.QueryBuilder {
	clock := n.db.dialect.clock(0)
	return q.
		Where("(expires_at IS NULL OR expires_at < ? OR node_id = ? AND epoch <= ?)", clock, n.id, n.epoch).
		Where("(not_before IS NULL OR not_before < ?)", clock)
}

func (d *Database) oldestNotices(ctx context.Context, tx bun.Tx, most int) (rows []noticeRow, err error) {
	err = tx.NewSelect().Model(&rows).Column("id", "kind", "email", "at", "connected_at", "reason").
		ColumnExpr("written_at < ? AS old", d.dialect.clock(-noticesFor)).
		Order("id").Limit(int64(most)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the oldest joins and leaves: %w", err)
	}
	return rows, nil
}

// giveUp deletes notices and counts them.
func giveUp(ctx context.Context, tx bun.Tx, ids []int64) (count int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	if count, err = deleteNotices(ctx, tx, ids); err != nil {
		return 0, err
	}
	_, err = tx.NewUpdate().Model((*turnRow)(nil)).Set("given_up = given_up + ?", count).Where("id = 1").Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("count what was given up: %w", err)
	}
	return count, nil
}

func deleteNotices(ctx context.Context, tx bun.Tx, ids []int64) (int, error) {
	result, err := tx.NewDelete().Model((*noticeRow)(nil)).Where("id IN (?)", bun.List(ids)).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("delete %d joins and leaves: %w", len(ids), err)
	}
	return affected(result), nil
}
