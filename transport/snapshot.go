package transport

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// snapshotPart is how many users one part of a snapshot may have, and one write.
	snapshotPart = 500
	// snapshotTime is how long a whole snapshot may take: whoever reads a little of it
	// now and then would else hold a list that is long out of date.
	snapshotTime = time.Minute
)

// errSlowSnapshot ends the stream of whoever does not read one in that time.
var errSlowSnapshot = errors.New("the watcher is too slow for a snapshot")

// snapshot begins anew, with who is here now, in parts behind what goes before.
func (t *stream) snapshot(ctx context.Context, before []byte) error {
	asking, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	now, watch, err := t.server.config.Watching.Watch(asking)
	if err != nil {
		return err
	}
	t.watch, t.passed = watch, ""
	began := time.Now()
	text := streamTexts.Get().(*[]byte)
	defer streamTexts.Put(text)
	b := append((*text)[:0], before...)
	part := 1
	users := make([]rollcall.Entry, 0, min(now.Count, snapshotPart))
	for e := range now.Entries {
		if !t.wants(e.Email) {
			continue
		}
		if len(users) == snapshotPart {
			*text = appendPart(b, part, false, "", users)
			if err := t.goesOn(ctx, began); err != nil {
				return err
			}
			if err := t.write(ctx, *text); err != nil {
				return err
			}
			b, users = (*text)[:0], users[:0]
			part++
		}
		users = append(users, e)
	}
	*text = appendPart(b, part, true, watch.ID(), users)
	return t.write(ctx, *text)
}

// goesOn looks, between the parts of a snapshot, whether there is a reason to end it.
func (t *stream) goesOn(ctx context.Context, began time.Time) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case time.Since(began) > snapshotTime:
		return errSlowSnapshot
	}
	return t.check(ctx)
}

// appendPart appends one part of a snapshot. Only the last has an ID to go on from:
// who is cut off between two parts needs the whole again.
func appendPart(b []byte, part int, last bool, id string, users []rollcall.Entry) []byte {
	b = append(b, "event: snapshot\n"...)
	if last {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(b, "data: {\"part\":"...)
	b = strconv.AppendInt(b, int64(part), 10)
	b = append(b, `,"last":`...)
	b = strconv.AppendBool(b, last)
	b = append(b, `,"users":[`...)
	for i, e := range users {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendEntry(append(b, '{'), e), '}')
	}
	return append(b, "]}\n\n"...)
}
