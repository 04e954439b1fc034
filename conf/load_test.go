package conf_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// load reads text and fails the test on errors.
func load(t *testing.T, text string) (*conf.Config, []conf.Finding) {
	t.Helper()
	cfg, findings := conf.LoadText("test.conf", text, conf.Options{ConfigID: "test", FS: syntax.Memory{}})
	if conf.HasErrors(findings) {
		t.Fatalf("errors: %v", findings)
	}
	return cfg, findings
}

const pair = `
global_defs {
    router_id lb1
    vrrp_garp_master_repeat 3
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 0.25
    version 3
    virtual_ipaddress {
        10.0.0.100/24
        10.0.0.101 dev eth1 label eth1:1
    }
    notify_master "/bin/echo 'a b' master" nobody
}
virtual_server 10.0.0.100 80 {
    delay_loop 6
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    retry 2
    real_server 192.168.1.1 8080 {
        weight 3
        TCP_CHECK { connect_timeout 2 }
    }
    real_server 192.168.1.2 {
        retry 4
        HTTP_GET {
            url { path /health }
            warmup 0
        }
    }
}
`

func TestLoadFillsInDefaultsAndInheritance(t *testing.T) {
	cfg, findings := load(t, pair)
	if len(findings) != 0 {
		t.Errorf("findings of a good file: %v", findings)
	}
	in := cfg.Instances[0]
	if in.VRID != 51 || in.Priority != 150 || in.AdvertInterval != 250*time.Millisecond || in.Version != 3 || !in.Preempt {
		t.Errorf("instance: %+v", in)
	}
	if in.GARP.MasterRepeat != 3 || in.GARP.LowerPrioRepeat != 3 || in.GARP.MasterDelay != 5*time.Second {
		t.Errorf("GARP: %+v", in.GARP)
	}
	if got := in.Addresses[0]; got.Device != "eth0" || got.Prefix != netip.MustParsePrefix("10.0.0.100/24") {
		t.Errorf("first address: %+v", got)
	}
	if got := in.Addresses[1]; got.Device != "eth1" || got.Label != "eth1:1" || got.Prefix.Bits() != 32 {
		t.Errorf("second address: %+v", got)
	}
	if got := in.Notify.Master; len(got.Argv) != 3 || got.Argv[1] != "a b" || got.User != "nobody" {
		t.Errorf("notify_master: %+v", got)
	}
	v := cfg.VirtualServers[0]
	if v.String() != "[10.0.0.100]:tcp:80" || v.Scheduler != "wrr" {
		t.Errorf("virtual server: %+v", v)
	}
	tcp := v.RealServers[0].Checkers[0]
	if v.RealServers[0].Weight != 3 || tcp.Timeout != 2*time.Second || tcp.Retries != 2 || tcp.RetryDelay != time.Second || tcp.Interval != 6*time.Second || tcp.ConnectPort != 8080 {
		t.Errorf("TCP_CHECK: %+v", tcp)
	}
	web := v.RealServers[1].Checkers[0]
	if v.RealServers[1].Key.Port != 80 || web.Retries != 4 || web.RetryDelay != 3*time.Second || web.Warmup != 0 || web.HTTP.URLs[0].Statuses[0] != (conf.StatusRange{From: 200, To: 299}) {
		t.Errorf("HTTP_GET: %+v %+v", web, web.HTTP)
	}
}
