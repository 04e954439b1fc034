package syntax_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf/syntax"
)

// realServers is a configuration of n virtual servers with m real servers each.
func realServers(n, m int) string {
	var b strings.Builder
	for v := range n {
		fmt.Fprintf(&b, "virtual_server 10.%d.%d.1 80 {\n    delay_loop 6\n    lb_algo wrr\n    lb_kind NAT\n"+
			"    protocol TCP\n\n", v/250, v%250)
		for r := range m {
			fmt.Fprintf(&b, "    real_server 192.168.%d.%d 80 { # server %d\n        weight 1\n        TCP_CHECK {\n"+
				"            connect_timeout 3\n            retry 3\n            delay_before_retry 3\n        }\n    }\n", v%250,
				r+1, r)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func BenchmarkRealServers40000(b *testing.B) {
	text := realServers(1000, 40)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		tree, findings := syntax.ParseText("bench.conf", text, syntax.Options{ConfigID: "x"})
		if len(tree.Nodes) != 1000 || len(findings) > 0 {
			b.Fatal(len(tree.Nodes), findings)
		}
	}
}

func BenchmarkInstances65024(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		tree, findings := syntax.ParseText("bench.conf", manyInstances, syntax.Options{ConfigID: "x"})
		if len(tree.Nodes) != 2*65024 || len(findings) > 0 {
			b.Fatal(len(tree.Nodes), findings)
		}
	}
}

// manyInstances makes 65,024 instances, each with a tracked file.
const manyInstances = `
$VI4= \
track_file offset_instance_4.${IF}.${NUM}.${ID} { \
    file "/run/track_files/4.${IF}.${NUM}.${ID}" \
    weight -100 \
} \
vrrp_instance vrrp4.${IF}.${NUM}.${ID} { \
    interface bond${IF}.${NUM} \
    use_vmac vrrp4.${IF}.${NUM}.${ID} \
    virtual_router_id ${ID} \
    priority 130 \
    virtual_ipaddress { \
        10.${IF}.${NUM}.${ID}/24 \
    } \
    track_file { \
        offset_instance_4.${IF}.${NUM}.${ID} \
    } \
}

~SEQ(IF,0,7) ~SEQ(NUM,0,31) ~SEQ(ID,1,254) $VI4
`
