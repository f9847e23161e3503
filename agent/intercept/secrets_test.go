package intercept

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A word with a secret in it, in the shapes in which people type them; SECRET
// stands for the secret. The program is the first word, | a blank in a word.
func shapes() []string {
	return []string{
		// named by an option or a variable
		"app --password=SECRET", "app --password SECRET", "app -password SECRET", "app --db-password=SECRET", "app --passphrase SECRET",
		"app --api-key SECRET", "app --api_key=SECRET", "app --apikey=SECRET", "app --client-secret SECRET", "app --auth-token=SECRET",
		"app --secret-access-key SECRET", "app --private-key=SECRET", "app --token:SECRET", "app /password:SECRET", "app --credentials SECRET",
		"app PGPASSWORD=SECRET", "app MYSQL_PWD=SECRET", "app AWS_Secret_ACCESS_KEY=SECRET", "app AWS_SESSION_TOKEN=SECRET",
		"app VAULT_TOKEN=SECRET", "app SSHPASS=SECRET", "app db.password=SECRET", "app AccountKey=SECRET", "app -Password SECRET",
		"env PGPASSWORD=SECRET psql", "sh -c PGPASSWORD=SECRET|psql", "bash -c export|API_TOKEN=SECRET;reboot",
		// named inside of a word
		"mount -o username=bo,password=SECRET,vers=3 //nas/x /mnt", "psql host=db|user=bo|password=SECRET|dbname=x",
		"sqlplus Server=db;Pwd=SECRET;Database=x", "app Endpoint=sb://x/;SharedAccessKey=SECRET", "curl -d user=bo&password=SECRET https://x.example",
		"http https://x.example/?user=bo&token=SECRET&page=1", "http https://x.example/blob?sp=r&sig=SECRET",
		"http https://x.example/o?X-Amz-Signature=SECRET", `app {"user":"bo","password":"SECRET"}`, `curl -d {"api_key":|"SECRET"} https://x.example`,
		`app {'client_secret':'SECRET'}`,
		// addresses and headers
		"git clone https://bo:SECRET@git.example/x", "psql postgres://bo:SECRET@db/x", "redis-cli -u redis://:SECRET@cache",
		"wget --header=Authorization:|Bearer|SECRET https://x.example", "curl -H Authorization:|Basic|SECRET https://x.example",
		"curl -H X-Api-Key:|SECRET https://x.example", "curl -H PRIVATE-TOKEN:|SECRET https://x.example", "http Authorization:|Bearer|SECRET",
		"curl -H Cookie:|SECRET https://x.example", "http X-Vault-Token:SECRET", "app Bearer|SECRETSECRET",
		// short options of programs
		"mysql -u root -pSECRET shop", "mysqldump -pSECRET shop", "mariadb -pSECRET", "mysqladmin -uroot -pSECRET status",
		"env mysql -pSECRET", "sh -c mysql|-u|root|-pSECRET|shop", "sudo /usr/bin/mysqldump -pSECRET shop",
		"sshpass -p SECRET ssh host", "sshpass -pSECRET ssh host", "curl -u bo:SECRET https://x.example", "curl --user bo:SECRET https://x.example",
		"curl -U bo:SECRET https://x.example", "redis-cli -a SECRET ping", "mongosh -u bo -p SECRET db", "sqlcmd -S db -U sa -P SECRET",
		"smbclient //nas/x -U bo%SECRET", "rpcclient -U AD\\bo%SECRET dc", "ldapsearch -D cn=x -w SECRET", "ldappasswd -s SECRET -x cn=bo",
		"docker login -u bo -p SECRET registry.example", "podman login -p SECRET registry.example", "skopeo copy --src-creds bo:SECRET a b",
		"ipmitool -U bo -P SECRET power", "snmpwalk -v2c -c SECRET host", "htpasswd -b /etc/x bo SECRET", "htpasswd -cb /etc/x bo SECRET",
		"zip -P SECRET a.zip a", "7z a -pSECRET a.7z a", "openssl enc -passin pass:SECRET", "openssl enc -k SECRET", "useradd -p SECRET bo",
		"xfreerdp /v:host /p:SECRET", "plink -pw SECRET host", "aws configure set aws_secret_access_key SECRET",
	}
}

func acts(program string) bool { return unbounded(Real{Path: "/usr/bin/" + program, Called: program}) }

func TestNoSecretOfAnyShapeIsShown(t *testing.T) {
	const secret = "hunTer2tZ9q"
	for _, shape := range shapes() {
		words := split(strings.ReplaceAll(shape, "SECRET", secret))
		got := Masking{Program: words[0], Acts: acts(words[0])}.Args(words[1:])
		if strings.Contains(strings.Join(got, " "), secret) || !strings.Contains(strings.Join(got, " "), masked) || len(got) != len(words)-1 {
			t.Errorf("%s: %q", shape, got)
		}
		before, after, _ := strings.Cut(strings.Join(words[1:], " "), secret)
		shown := strings.Join(got, " ")
		if name := strings.TrimRight(before, " "); !strings.HasPrefix(shown, name) && !strings.Contains(shape, "|Bearer|") {
			t.Errorf("%s: what stands before the secret is hidden: %q", shape, got)
		}
		if acts(words[0]) && !strings.HasSuffix(shown, strings.TrimPrefix(after, secret)) {
			t.Errorf("%s: what stands behind the secret is hidden: %q", shape, got)
		}
	}
}

func TestSecretsByTheirLooks(t *testing.T) {
	for _, s := range []string{
		"AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "ghp_" + strings.Repeat("a1", 18),
		"github_pat_" + strings.Repeat("A1", 20), "glpat-" + strings.Repeat("x", 20), "xoxb-123456789012-abcdef", "xapp-1-A0-1234567890",
		"sk_live_" + strings.Repeat("4e", 12), "sk-" + strings.Repeat("aB3", 10), "AIza" + strings.Repeat("a", 35), "ya29." + strings.Repeat("b", 30),
		"npm_" + strings.Repeat("c", 36), "pypi-" + strings.Repeat("d", 30), "dckr_pat_" + strings.Repeat("e", 20), "hvs." + strings.Repeat("f", 30),
		"SG." + strings.Repeat("g", 20) + "." + strings.Repeat("h", 30), "shpat_" + strings.Repeat("0a", 16),
		"AGE-SECRET-KEY-1" + strings.Repeat("Q", 40), "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJibyJ9.c2ln", "ast_" + strings.Repeat("k", 24),
		"whsec_" + strings.Repeat("ab", 16),
	} {
		if got := (Masking{}).Args([]string{s})[0]; got != masked {
			t.Errorf("%s became %s", s, got)
		}
	}
	key := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nAAAA\n-----END OPENSSH PRIVATE KEY-----"
	for _, acts := range []bool{true, false} {
		if got := (Masking{Acts: acts}).Args([]string{key})[0]; strings.Contains(got, "b3Blbn") {
			t.Errorf("a private key is shown: %q", got)
		}
	}
}

// TestOrdinaryArgumentsStay: what is no secret is what people and rules decide by.
func TestOrdinaryArgumentsStay(t *testing.T) {
	for _, line := range []string{
		"apt install -y passwd libpam-pwquality", "systemctl restart nginx", "docker run -p 8080:80 nginx", "mysql -p shop", "ls -p /tmp",
		"passwd bo", "ssh -p 2222 host", "tar -cf /tmp/pass.tar /etc", "cp /etc/passwd /tmp/token", "mkdir -p /srv/secrets/x",
		"git clone https://git.example/x", "journalctl -u auth", "ldapsearch -s base -a always -x", "curl -sS https://x.example/key?page=1",
		"sha1sum da39a3ee5e6b4b0d3255bfef95601890afd80709", "apt-key add key.asc", "kubectl get secret token-x", "ip route add default via 192.0.2.1",
		"htpasswd -c /etc/x bo", "find /opt -name token -delete", "openssl x509 -in cert.pem -noout", "useradd -m -s /bin/bash bo",
	} {
		words := split(line)
		if d := cmp.Diff(words[1:], Masking{Program: words[0], Acts: acts(words[0])}.Args(words[1:])); d != "" {
			t.Errorf("%s: %s", line, d)
		}
	}
}

func TestPatternsOfThePolicy(t *testing.T) {
	more, bad := CompilePatterns([]string{`EMP-\d{6}`, `--seat (\w+)`, `(?:licen[cs]e)=(\S+)`, `z*`})
	if len(bad) != 0 {
		t.Fatal(bad)
	}
	for in, want := range map[string]string{
		"EMP-123456":       masked,
		"for EMP-123456 x": "for " + masked + " x",
		"license=ab-12":    "license=" + masked,
		"nothing":          "nothing",
		"--seat abc":       "--seat " + masked,
	} {
		if got := (Masking{More: more}).Args([]string{in})[0]; got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
	wide, _ := CompilePatterns([]string{`#.*`, `.+x`})
	if got := (Masking{Acts: true, More: wide}).Args([]string{"true # reboot; x"})[0]; got != "true # reboot; x" {
		t.Errorf("a pattern hides a deed: %s", got)
	}
}

func TestPatternsThatAreLeftOut(t *testing.T) {
	good, bad := CompilePatterns([]string{"(", strings.Repeat("x", maxPattern+1), "x{9999}", "fine"})
	if len(good) != 1 || len(bad) != 3 {
		t.Errorf("%v, %v", good, bad)
	}
	many := make([]string, MaxPatterns+5)
	for i := range many {
		many[i] = fmt.Sprint("p", i)
	}
	if good, bad := CompilePatterns(many); len(good) != MaxPatterns || len(bad) != 1 {
		t.Errorf("%d, %v", len(good), bad)
	}
}

// Whatever is typed: the number of arguments stays, the result is text, and for
// a program that acts on its arguments no character with a meaning goes.
func TestMaskKeepsWhatActs(t *testing.T) {
	programs := []string{"sh", "curl", "docker", "env", "zip", "aws"}
	word := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"-p", "--password", "mysql", "-psecret", "login", "token=x;reboot",
		"password=$(reboot)", "-u", "a:b;c", "-H", "Cookie: a|b", "/etc/passwd", "bearer abcdefgh&x", "-b", "$(x)"}))
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOfN(word, 0, 6).Draw(t, "args")
		got := Masking{Program: rapid.SampledFrom(programs).Draw(t, "program"), Acts: true}.Args(args)
		if len(got) != len(args) {
			t.Fatalf("%d arguments became %d", len(args), len(got))
		}
		for i := range args {
			for _, c := range ";|&$`(){}<>" {
				if n := strings.Count(args[i], string(c)); strings.Count(got[i], string(c)) != n {
					t.Fatalf("%q became %q", args[i], got[i])
				}
			}
		}
	})
}
