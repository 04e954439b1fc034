package keyword_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf/internal/golden"
	"github.com/lvs-director/director/conf/load/keyword"
)

func TestKeywordsDocument(t *testing.T) {
	var b bytes.Buffer
	if err := keyword.WriteKeywords(&b); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "../../../docs/keywords.md", b.Bytes())
}

// shownElsewhere are keywords that have an effect and no line of their own in
// the effective configuration, and where it is seen.
var shownElsewhere = map[string]string{
	" global_defs": "a block", " vrrp_instance": "a block", " vrrp_sync_group": "a block", " vrrp_script": "a block",
	" track_file":         "a block",
	" vrrp_track_process": "a block", " track_group": "a block", " garp_group": "a block", " virtual_server": "a block",
	" bfd_instance": "a block", " SSL": "a block", " metrics": "a block", " virtual_server_group": "a block",
	" web": "a block", " peer": "a block", " status_socket": "a block",
	" announce":   "a block",
	"web actions": "a block", "actions token": "in actions itself",
	"vrrp_instance authentication": "a block", "vrrp_instance auth_hmac": "a block",
	"virtual_server real_server": "a block",
	"real_server TCP_CHECK":      "a block", "real_server HTTP_GET": "a block", "real_server SSL_GET": "a block",
	"real_server PING_CHECK": "a block",
	"real_server SMTP_CHECK": "a block", "real_server DNS_CHECK": "a block", "real_server MISC_CHECK": "a block",
	"real_server UDP_CHECK":  "a block",
	"real_server FILE_CHECK": "a block", "real_server BFD_CHECK": "a block", "real_server AGENT_CHECK": "a block",
	"real_server QUERY_CHECK": "a block", "real_server GRPC_CHECK": "a block",
	"HTTP_GET url": "a block", "SSL_GET url": "a block", "SMTP_CHECK host": "in SMTP_CHECK itself",

	"auth_hmac key":                           "masked, by its number",
	"garp_group interface":                    "in interfaces",
	"global_defs vrrp_min_garp":               "in the values that it sets",
	"vrrp_script user":                        "with the script",
	"MISC_CHECK user":                         "with the script",
	"vrrp_track_process delay":                "in fork_delay and terminate_delay",
	"virtual_server ip_family":                "in the addresses",
	"vrrp_instance native_ipv6":               "in the addresses",
	"HTTP_GET nb_get_retry":                   "in retry",
	"SSL_GET nb_get_retry":                    "in retry",
	"url regex_min_offset":                    "with the regex",
	"url regex_max_offset":                    "with the regex",
	"vrrp_instance lvs_sync_daemon_interface": "in lvs_sync_daemon",
}

// TestEveryKeywordIsShown: a keyword that is added has a way to be seen in the
// effective configuration, and so in what a reload changes.
func TestEveryKeywordIsShown(t *testing.T) {
	used := map[string]bool{}
	for _, k := range keyword.Keywords() {
		name := k.Block + " " + k.Name
		line := strings.HasPrefix(k.Block, "line of ") || strings.HasPrefix(k.Name, "include")
		if line || k.Shown || k.AliasOf != "" || k.State == keyword.NoEffect &&
			k.Note != "this version does not act on it yet" {
			continue
		}
		if used[name] = true; shownElsewhere[name] == "" {
			t.Errorf("%s of %q has an effect and is not shown: give its row a get, or say in shownElsewhere where it is seen",
				k.Name, k.Block)
		}
	}
	for name := range shownElsewhere {
		if !used[name] {
			t.Errorf("%q stands in shownElsewhere and is shown, or is no keyword", name)
		}
	}
}

// noSecrets are keywords that sound like a secret and have none.
var noSecrets = map[string]string{
	"vrrp_instance authentication": "a block", "vrrp_instance auth_hmac": "a block",
	"authentication auth_type": "PASS or AH", "auth_hmac active_key": "a number", "SSL key": "a file", "web key": "a file",
	"bfd_instance passive":  "yes or no",
	"global_defs smtp_auth": "a user, and the file with his password",
}

// TestKeywordsThatSoundLikeSecretsAreSecret: a keyword that is added with such a name says in its
// row what of it is never shown.
func TestKeywordsThatSoundLikeSecretsAreSecret(t *testing.T) {
	for _, k := range keyword.Keywords() {
		name := k.Block + " " + k.Name
		for _, word := range []string{"pass", "secret", "token", "key", "auth", "cred", "cookie", "header", "body", "send"} {
			if strings.Contains(k.Name, word) && k.Secret == "" && noSecrets[name] == "" && k.State == keyword.Works &&
				k.Value != "[BOOL]" {
				t.Errorf("%s of %q sounds like a secret: give its row one, or say in noSecrets what it is", k.Name, k.Block)
			}
		}
	}
}
