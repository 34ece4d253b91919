package main

import "testing"

// A collection in the middle of a storm would slow it down and free what is needed
// again; without one afterwards an idle server keeps twice what it needs.
func TestMemoryIsGivenBackWhenItIsQuiet(t *testing.T) {
	const mega = 1 << 20
	g := garbage{}
	for n, look := range []struct {
		allocated, live uint64
		due             bool
		why             string
	}{
		{100 * mega, 40 * mega, false, "a storm"},
		{200 * mega, 80 * mega, false, "the storm goes on"},
		{203 * mega, 80 * mega, true, "the first quiet look behind it"},
		{206 * mega, 80 * mega, false, "little garbage"},
		{212 * mega, 80 * mega, false, "still little"},
		{215 * mega, 80 * mega, true, "an eighth of what is alive"},
		{218 * mega, 4 * mega, true, "a small server counts its own"},
		{223 * mega, 4 * mega, false, "more than the least in one look is busy"},
		{400 * mega, 2000 * mega, false, "so is a storm on a large server"},
		{500 * mega, 2000 * mega, true, "whose pings are quiet"},
	} {
		if got := g.due(look.allocated, look.live); got != look.due {
			t.Errorf("look %d, %s: due is %v", n, look.why, got)
		}
	}
}
