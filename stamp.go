package rollcall

import "time"

// Stamp is a time as JSON has it for everybody outside: see [AppendTime].
type Stamp time.Time

// MarshalJSON implements [json.Marshaler].
func (t Stamp) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, len(`"2025-10-21T12:30:00.000000Z"`)), '"')
	return append(AppendTime(b, time.Time(t)), '"'), nil
}

// AppendTime appends a time as Django does: with six digits of fraction, or
// none when they are zero. RFC3339Nano would trim them, and RFC3339 is what
// package time writes without reading a layout.
func AppendTime(b []byte, t time.Time) []byte {
	b = t.UTC().AppendFormat(b, time.RFC3339)
	rest := t.Nanosecond() / int(time.Microsecond)
	if rest == 0 {
		return b
	}
	b = append(b[:len(b)-len("Z")], ".000000Z"...)
	for i := len(b) - len("0Z"); rest > 0; i-- {
		b[i] += byte(rest % 10)
		rest /= 10
	}
	return b
}
