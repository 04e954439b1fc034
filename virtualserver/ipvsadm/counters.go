package ipvsadm

import (
	"bufio"
	"fmt"
	"io"
	"strconv"

	"github.com/lvs-director/director/event"
)

// Columns says which counters a listing has.
type Columns struct {
	Rate  bool // per second, rather than in all
	Exact bool // all digits, rather than thousands (K) to billions (T)
}

// Counters writes what the kernel has counted, as "ipvsadm -Ln --stats" does, or
// "--rate"; behind each service stands whose it is.
func Counters(w io.Writer, list []Service, c Columns) error {
	b := bufio.NewWriter(w)
	titles := []any{"Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"}
	if c.Rate {
		titles = []any{"CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"}
	}
	fmt.Fprint(b, "IP Virtual Server\n")
	fmt.Fprintf(b, "%-33s %8s %8s %8s %8s %8s\n", append([]any{"Prot LocalAddress:Port"}, titles...)...)
	fmt.Fprint(b, "  -> RemoteAddress:Port\n")
	for _, s := range list {
		fmt.Fprintf(b, "%-33s%s%s\n", named(s), c.columns(s.Total, s.Rate), s.whose())
		for _, d := range s.Servers {
			fmt.Fprintf(b, "  -> %-28s%s\n", at(d.Key.Address, d.Key.Port), c.columns(d.Counts.Traffic, d.Rate))
		}
	}
	return b.Flush()
}

// columns are the numbers of one line.
func (c Columns) columns(total, rate event.Traffic) (text string) {
	t := total
	if c.Rate {
		t = rate
	}
	for _, n := range []uint64{t.Connections, t.InPackets, t.OutPackets, t.InBytes, t.OutBytes} {
		text += c.number(n)
	}
	return text
}

// number is a number as ipvsadm writes it: nine columns, shortened from 100 million on.
func (c Columns) number(n uint64) string {
	if c.Exact {
		text := strconv.FormatUint(n, 10)
		return fmt.Sprintf("%*s", max(9, len(text)+1), text)
	}
	const million, billion = 1_000_000, 1_000_000_000
	switch {
	case n < 100*million:
		return fmt.Sprintf("%9d", n)
	case n < billion:
		return fmt.Sprintf("%8dK", n/1000)
	case n < 100*billion:
		return fmt.Sprintf("%8dM", n/million)
	case n < 100_000*billion:
		return fmt.Sprintf("%8dG", n/billion)
	}
	return fmt.Sprintf("%8dT", n/(1000*billion))
}
