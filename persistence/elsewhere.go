package persistence

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// elsewhereRow is a session with the name of its node.
type elsewhereRow struct {
	sessionRow
	Node string `bun:"node"`
}

// Elsewhere returns the sessions that a user has on other nodes. Those of this node
// are left out: its memory knows them better. An e-mail means a user as it does for
// [Node.History].
func (n *Node) Elsewhere(ctx context.Context, email rollcall.Email) ([]rollcall.SessionElsewhere, error) {
	spellings, err := n.spellings(ctx, []rollcall.Email{email})
	if err != nil || len(spellings) == 0 { // it is no e-mail
		return nil, err
	}
	var rows []elsewhereRow
	err = n.db.bun.NewSelect().Model((*nodeRow)(nil)).
		Column("s.id", "s.email", "s.connected_at", "s.last_activity", "s.address", "s.user_agent").
		ColumnExpr("n.name AS node").
		Join("JOIN sessions AS s ON s.node_id = n.id").
		Where("s.email IN (?)", bun.List(spellings[email])).
		Where("s.node_id <> ?", n.id).
		Order("s.connected_at", "s.id").
		Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read a user's sessions on other nodes: %w", err)
	}
	sessions := make([]rollcall.SessionElsewhere, len(rows))
	for i, row := range rows {
		sessions[i] = rollcall.SessionElsewhere{
			SessionState: rollcall.SessionState{
				ID: row.ID, ConnectedAt: row.ConnectedAt.UTC(), LastActivity: row.LastActivity.UTC(),
				Address: row.Address, UserAgent: row.UserAgent,
			},
			Email: row.Email, Node: row.Node,
		}
	}
	return sessions, nil
}
