package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf/load"
)

func TestFindingsHideSecrets(t *testing.T) {
	const text = `
$PASSWORD=s3cret$X
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress {
        10.0.0.1
    }
    auth_passs s3cret
    authentication {
        auth_type PASS
        auth_pass s3cret!extra
        auth_pass s3cretlonger s3cret
        auth_pass "s3cret
        auth_pass { s3cret }
    }
    auth_hmac {
        key 300 s3cret
        key 1 s3cret s3cret
        mode never
    }
}
SSL {
    password s3cret s3cret
}
`
	_, findings := load.LoadText("test.conf", text, load.Options{})
	if len(findings) < 8 {
		t.Errorf("too few findings: %v", findings)
	}
	for _, f := range findings {
		if all := fmt.Sprintf("%+v %s", f, f.Caret()); strings.Contains(all, "s3cret") {
			t.Errorf("shown: %s\n%s", f, f.Caret())
		}
	}
}
