package load_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

const mainText = `vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 100
    virtual_ipaddress {
        192.0.2.100/24
    }
}
virtual_server 192.0.2.100 80 {
    protocol TCP
    lb_algo rr
    lb_kind NAT
    real_server 10.0.0.11 80 {
        TCP_CHECK {
            connect_timeout 3
        }
    }
    real_server 10.0.0.12 80 {
        weight 1
    }
}
`

const localText = `global_defs {
    strict_config
}
vrrp_instance VI_1 {
    auth_hmac {
        key 1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
        active_key 1
    }
}
virtual_server 192.0.2.100 80 {
    real_server 10.0.0.11 80 {
        TCP_CHECK {
            fall 2
        }
    }
}
vrrp_instance VI_2 {
    interface eth1
    virtual_router_id 52
    virtual_ipaddress {
        198.51.100.1/24
    }
}
`

// TestLocal: director's own words may stand in a second file. A block there adds to the block of the
// same words in the main file, and what is found names its own file.
func TestLocal(t *testing.T) {
	files := syntax.Memory{load.DefaultFiles[1]: mainText, load.LocalFile: localText}
	cfg, findings := load.Load(load.DefaultFiles[1], load.Options{FS: files, ConfigID: "x"})
	if len(findings) > 0 {
		t.Errorf("findings %v", findings)
	}
	if len(cfg.Instances) != 2 || len(cfg.VirtualServers) != 1 || len(cfg.VirtualServers[0].RealServers) != 2 {
		t.Fatalf("%d instances, %d virtual servers", len(cfg.Instances), len(cfg.VirtualServers))
	}
	first := cfg.Instances[0]
	if len(first.HMAC.Keys) != 1 || first.Priority != 100 || first.AdvertInterval != time.Second {
		t.Errorf("VI_1 has %d keys and priority %d", len(first.HMAC.Keys), first.Priority)
	}
	checks := cfg.VirtualServers[0].RealServers[0].Checkers
	if len(checks) != 1 || checks[0].Retries != 1 { // fall 2 is retry 1
		t.Errorf("checks of the first real server: %+v", checks)
	}
	if !cfg.Global.StrictConfig {
		t.Error("strict_config of the local file has no effect")
	}

	// The digest is of both files.
	alone, _ := load.Load(load.DefaultFiles[1],
		load.Options{FS: syntax.Memory{load.DefaultFiles[1]: mainText}, ConfigID: "x"})
	if alone.Digest == cfg.Digest || len(alone.Instances) != 1 {
		t.Error("the local file is not part of the digest")
	}
	// keepalived does not read it.
	if c, _ := load.Load(load.DefaultFiles[1], load.Options{FS: files, Compat: true}); len(c.Instances) != 1 {
		t.Error("--compat keepalived reads the local file")
	}
	// A director of another file has none, unless it is told.
	files["/srv/lb.conf"] = mainText
	if c, _ := load.Load("/srv/lb.conf", load.Options{FS: files}); len(c.Instances) != 1 {
		t.Error("the default local file was read behind another file than a default one")
	}
	if c, _ := load.Load("/srv/lb.conf", load.Options{FS: files, Local: load.LocalFile}); len(c.Instances) != 2 {
		t.Error("the local file that was asked for was not read")
	}
	_, findings = load.Load("/srv/lb.conf", load.Options{FS: files, Local: "/srv/none.conf"})
	if !conf.HasErrors(findings) || !strings.Contains(findings[0].String(), "none.conf") {
		t.Errorf("a local file that is not there: %v", findings)
	}
	// A finding names the file that it is in.
	files[load.LocalFile] = "vrrp_instance VI_1 {\n    no_such_word\n}\n"
	_, findings = load.Load(load.DefaultFiles[1], load.Options{FS: files})
	if len(findings) != 1 || findings[0].Pos.File != load.LocalFile || findings[0].Pos.Line != 2 {
		t.Errorf("a wrong word in the local file: %v", findings)
	}
}
