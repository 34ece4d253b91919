package webhook

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/rollcall/rollcall"
)

// message is the body of one post.
type message struct {
	Events []event `json:"events"`
}

// event is a notice as the receiver reads it.
type event struct {
	ID          string             `json:"id"`
	Kind        rollcall.EventKind `json:"kind"`
	Email       rollcall.Email     `json:"email"`
	At          rollcall.Stamp     `json:"at"`
	ConnectedAt rollcall.Stamp     `json:"connected_at"`
	Reason      string             `json:"reason,omitempty"`
	Duration    *int64             `json:"duration_ms,omitempty"` // of a leave
}

// newMessage makes the body of a post, and its name: the same body has the same name
// whoever posts it and however often, so that a receiver knows it again.
func newMessage(notices []rollcall.Notice) (id string, body []byte, err error) {
	m := message{Events: make([]event, len(notices))}
	for i, n := range notices {
		e := event{
			ID: strconv.FormatInt(n.ID, 10), Kind: n.Kind, Email: n.Email,
			At: rollcall.Stamp(n.At), ConnectedAt: rollcall.Stamp(n.ConnectedAt), Reason: n.Reason,
		}
		if n.Kind == rollcall.EventLeave {
			e.Duration = new(max(0, n.At.Sub(n.ConnectedAt)).Milliseconds())
		}
		m.Events[i] = e
	}
	if body, err = json.Marshal(m); err != nil {
		return "", nil, fmt.Errorf("write %d joins and leaves as JSON: %w", len(notices), err)
	}
	sum := sha256.Sum256(body)
	return "msg_" + base64.RawURLEncoding.EncodeToString(sum[:18]), body, nil
}
