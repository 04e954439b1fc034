package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// manyInstances is a file of n VRRP instances in sync groups of 250, one interface for each group.
func manyInstances(n int) string {
	var b strings.Builder
	b.WriteString("global_defs {\n    vrrp_garp_master_delay 0\n    vrrp_garp_master_repeat 1\n}\n")
	for i := range n {
		fmt.Fprintf(&b, `
vrrp_instance VI_%d {
    state BACKUP
    interface eth%d
    virtual_router_id %d
    priority 150
    advert_int 1
    version 3

    virtual_ipaddress {
        10.%d.%d.%d/32
    }
}
`, i, i/250, i%250+1, 1+i/65536, i/256%256, i%256)
	}
	return b.String()
}

// manyServers is a file of n virtual servers with m real servers each.
func manyServers(n, m int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `
virtual_server 10.0.%d.%d 80 {
    delay_loop 6
    lb_algo wrr
    lb_kind NAT
    protocol TCP
`, i/250, i%250+1)
		for j := range m {
			fmt.Fprintf(&b, `    real_server 192.168.%d.%d 80 {
        weight 10
        TCP_CHECK {
            connect_timeout 3
            retry 2
            delay_before_retry 1
        }
    }
`, i%250, j+1)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func BenchmarkLoadInstances4000(b *testing.B) {
	text := manyInstances(4000)
	for b.Loop() {
		if _, f := load.LoadText("many.conf", text, load.Options{ConfigID: "x"}); conf.HasErrors(f) {
			b.Fatal(f)
		}
	}
}

func BenchmarkLoadServers1000x40(b *testing.B) {
	text := manyServers(1000, 40)
	b.ReportAllocs()
	for b.Loop() {
		if _, f := load.LoadText("many.conf", text, load.Options{ConfigID: "x"}); conf.HasErrors(f) {
			b.Fatal(f)
		}
	}
}
