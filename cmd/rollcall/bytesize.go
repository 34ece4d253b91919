package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteSize is a number of bytes, written 1048576, 1024KiB or 1MiB.
type byteSize int64

// byteUnits has the largest first, so that String finds the shortest form; "B"
// is last because the others end in it, too.
var byteUnits = []struct {
	suffix string
	size   byteSize
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// UnmarshalText reads a whole number with or without a unit. Only the binary
// units are known: what 1MB means depends on whom one asks.
func (b *byteSize) UnmarshalText(text []byte) error {
	number, size := string(text), byteSize(1)
	for _, unit := range byteUnits {
		if rest, ok := strings.CutSuffix(number, unit.suffix); ok {
			number, size = rest, unit.size
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || byteSize(n) > math.MaxInt64/size {
		return fmt.Errorf("%q is no size such as 1048576, 64KiB, 1MiB or 1GiB", text)
	}
	*b = byteSize(n) * size
	return nil
}

func (b byteSize) String() string {
	for _, unit := range byteUnits {
		if b >= unit.size && b%unit.size == 0 {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}
