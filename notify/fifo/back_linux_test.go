package fifo_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lvs-director/director/conf"
)

// TestAFIFOThatComesBack: a reload takes it away while nobody has read it, and another one brings it back. The
// last line of an instance is its present state.
func TestAFIFOThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.apply(func(g *conf.Global) { g.FIFO.Path = l.path("f") })
		l.tell(0, "MASTER") // waits in the pipe: nobody reads
		l.apply(func(g *conf.Global) { g.FIFO.Path = "" })
		l.tell(0, "BACKUP")
		l.apply(func(g *conf.Global) { g.FIFO.Path = l.path("f") })
		got := read(l.reader(l.path("f")), 0)
		if !strings.HasSuffix(got, "INSTANCE \"VI_1\" BACKUP 100\n") {
			t.Errorf("the instance is BACKUP; the reader is told\n%s", got)
		}
		l.stop()
	})
}
