package msi

import (
	"fmt"
	"strconv"
	"strings"
)

// table is one table of the package: columns as NAME:TYPE in the types of Windows
// Installer, where a star marks what is part of the key.
type table struct {
	name    string
	columns string
	rows    [][]string
}

// idt is the table in the text format that Windows Installer imports.
func (t table) idt() string {
	var names, types, keys []string
	for column := range strings.FieldsSeq(t.columns) {
		name, kind, _ := strings.Cut(column, ":")
		kind, key := strings.CutSuffix(kind, "*")
		names, types = append(names, name), append(types, kind)
		if key {
			keys = append(keys, name)
		}
	}
	var b strings.Builder
	line := func(fields ...string) { b.WriteString(strings.Join(fields, "\t") + "\r\n") }
	line(names...)
	line(types...)
	line(append([]string{t.name}, keys...)...)
	for _, row := range t.rows {
		line(row...)
	}
	return b.String()
}

// Folders have names that no command line can set: only names in capitals can be.
const (
	programs = "ProgramsOfAssent" // C:\Program Files\Assent
	data     = "DataOfAssent"     // C:\ProgramData\Assent
)

// Components. The last four bits of an attribute: 4 its key is a registry value,
// 16 it stays when Assent is removed; 256 is 64 bit.
const (
	cAgent  = "Agent"
	cUser   = "User"
	cTray   = "Tray"
	cUndo   = "Undo"
	cLegal  = "Legal"
	cData   = "Data"
	cEnroll = "Enroll"
	cUAC    = "UAC"
)

// Who may read and write what only the agent and administrators shall see. The data
// folder is not made here but by the agent, which refuses one that somebody else has
// made: given to SYSTEM by the package it would look like the agent's own, and whoever
// holds it open since then could give it to themselves again.
const keySDDL = "O:SYG:SYD:P(A;CI;KA;;;SY)(A;CI;KA;;;BA)"

const (
	ownKey    = `SOFTWARE\Assent`
	enrollKey = `SOFTWARE\Assent\Enroll` // the agent takes the token from there, once
	uacKey    = `SOFTWARE\Assent\UAC`    // what assent-undo gives back
	policyKey = `SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`
	runKey    = `SOFTWARE\Microsoft\Windows\CurrentVersion\Run`
)

// Removing undoes what Assent did to the machine, before any file goes: 18 is a
// program that the package installed, 1024 within the transaction, 2048 as SYSTEM.
// Its failure ends the removal, and everything is as it was.
const undoType = 18 + 1024 + 2048

func fileKey(name string) string { return strings.NewReplacer("-", "", ".", "").Replace(name) }

func (p Package) tables() []table {
	all := []table{p.properties(), folders(), components(), p.files()}
	all = append(all, features()...)
	all = append(all, service()...)
	all = append(all, registry(), shortcut(), locks())
	all = append(all, p.upgrade()...)
	all = append(all, conditions()...)
	return append(all, sequences()...)
}

func (p Package) properties() table {
	return table{"Property", "Property:s72* Value:l0", [][]string{
		{"ProductCode", p.productCode()}, {"ProductVersion", ProductVersion(p.Version)}, {"UpgradeCode", upgradeCode},
		{"ProductName", "Assent"}, {"ProductLanguage", "1033"}, {"Manufacturer", "The Assent project"}, {"ALLUSERS", "1"},
		{"ARPURLINFOABOUT", "https://github.com/assent-epm/assent"}, {"ARPCOMMENTS", "Assent " + p.Version},
		// Repair is for administrators, who type it: no button offers it to people.
		{"ARPNOMODIFY", "1"}, {"ARPNOREPAIR", "1"}, {"MSIDISABLELUAPATCHING", "1"}, {"DISABLEADVTSHORTCUTS", "1"},
		// A package that is installed without a window would restart the computer by itself
		// when a program that it replaces runs.
		{"REBOOT", "ReallySuppress"},
		{"MsiHiddenProperties", "ENROLL_TOKEN"},
		{"SecureCustomProperties", "CONTROLLER_URL;DATAFOLDER;DATAKNOWN;ENROLL_TOKEN;KEEP_DATA;LABELS;NEWERFOUND;OLDERFOUND;UACBEFORE;UACSET;UAC_DENY"},
	}}
}

func folders() table {
	return table{"Directory", "Directory:s72* Directory_Parent:S72 DefaultDir:l255", [][]string{
		{"TARGETDIR", "", "SourceDir"},
		{"ProgramFiles64Folder", "TARGETDIR", "."}, {programs, "ProgramFiles64Folder", "Assent"},
		{"CommonAppDataFolder", "TARGETDIR", "."}, {data, "CommonAppDataFolder", "Assent"},
		{"ProgramMenuFolder", "TARGETDIR", "."},
	}}
}

func components() table {
	row := func(name, folder string, attributes int, condition, key string) []string {
		id := code("component", name)
		if condition != "" {
			// Windows looks at a condition once and writes again at each repair what it
			// has registered. Without an identity it registers nothing.
			id, condition = "", "NOT Installed AND "+condition
		}
		return []string{name, id, folder, strconv.Itoa(attributes), condition, key}
	}
	return table{"Component", "Component:s72* ComponentId:S38 Directory_:s72 Attributes:i2 Condition:S255 KeyPath:S72", [][]string{
		row(cAgent, programs, 256, "", fileKey(Agent)), row(cUser, programs, 256, "", fileKey(User)),
		row(cTray, programs, 256, "", fileKey(Tray)), row(cUndo, programs, 256, "", fileKey(Undo)), row(cLegal, programs, 256, "", fileKey(Licences)),
		row(cData, data, 256+16+4, "", "DataKnown"), row(cEnroll, data, 256+16+4, "ENROLL_TOKEN", "EnrollToken"),
		// Once: what was before is not to be asked again when it is ours.
		row(cUAC, data, 256+16+4, "UAC_DENY AND NOT UACSET", "UACSet"),
	}}
}

func (p Package) files() table {
	short := map[string]string{Agent: "ASSENTAG.EXE|", Tray: "ASSENTTR.EXE|", Undo: "ASSENTUN.EXE|"}
	component := map[string]string{Agent: cAgent, User: cUser, Tray: cTray, Undo: cUndo, Licences: cLegal}
	t := table{name: "File", columns: "File:s72* Component_:s72 FileName:l255 FileSize:i4 Version:S72 Language:S20 Attributes:I2 Sequence:i2"}
	for i, name := range Names() {
		// A program that has a version is not replaced by a file that says it has none.
		version, language := FileVersion(p.Version), "1033"
		if !strings.HasSuffix(name, ".exe") {
			version, language = "", ""
		}
		t.rows = append(t.rows, []string{fileKey(name), component[name], short[name] + name, strconv.Itoa(len(p.Files[name])), version, language, "512", strconv.Itoa(i + 1)})
	}
	return t
}

func features() []table {
	parts := table{name: "FeatureComponents", columns: "Feature_:s38* Component_:s72*"}
	for _, c := range []string{cAgent, cUser, cTray, cUndo, cLegal, cData, cEnroll, cUAC} {
		parts.rows = append(parts.rows, []string{"Main", c})
	}
	return []table{
		{"Feature", "Feature:s38* Feature_Parent:S38 Title:L64 Description:L255 Display:I2 Level:i2 Directory_:S72 Attributes:i2", [][]string{
			{"Main", "", "Assent", "", "0", "1", programs, "24"}}}, // all of it, and here
		parts,
		{"Media", "DiskId:i2* LastSequence:i2 DiskPrompt:L64 Cabinet:S255 VolumeLabel:S32 Source:S72", [][]string{
			{"1", strconv.Itoa(len(Names())), "", "#" + cabinet, "", ""}}},
	}
}

// service: 16 a process of its own, 2 with the machine, 32769 must be installed.
// What to do when it fails the service sets itself, each time it starts.
func service() []table {
	return []table{
		{"ServiceInstall", "ServiceInstall:s72* Name:s255 DisplayName:L255 ServiceType:i4 StartType:i4 ErrorControl:i4 LoadOrderGroup:S255 Dependencies:S255 StartName:S255 Password:S255 Arguments:S255 Component_:s72 Description:L255", [][]string{
			{"AgentService", "assent-agent", "Assent agent", "16", "2", "32769", "", "", "LocalSystem", "", "run", cAgent, "Elevation on request"}}},
		// 34 stop, 128 delete at removal, waited for; 1 start, not waited for: a
		// controller that can not be reached is no fault of the installation.
		{"ServiceControl", "ServiceControl:s72* Name:l255 Event:i2 Arguments:L255 Wait:I2 Component_:s72", [][]string{
			{"AgentStart", "assent-agent", "1", "", "0", cAgent}, {"AgentStop", "assent-agent", "162", "", "1", cAgent}}},
	}
}

// classes get the verb "Run with Assent" on their context menu.
func classes() []string {
	return []string{"exefile", "Msi.Package", "batfile", "cmdfile", "Microsoft.PowerShellScript.1", "mscfile", "cplfile"}
}

func registry() table {
	tray := `"[` + programs + `]` + Tray + `"`
	t := table{name: "Registry", columns: "Registry:s72* Root:i2 Key:l255 Name:L255 Value:L0 Component_:s72", rows: [][]string{
		{"Version", "2", ownKey, "Version", "[ProductVersion]", cAgent},
		{"DataKnown", "2", ownKey, "Data", "[" + data + "]", cData},
		{"EnrollURL", "2", enrollKey, "ControllerURL", "[CONTROLLER_URL]", cEnroll},
		{"EnrollToken", "2", enrollKey, "Token", "[ENROLL_TOKEN]", cEnroll},
		{"EnrollLabels", "2", enrollKey, "Labels", "[LABELS]", cEnroll},
		// A number of the registry is read and written as #N; what was not there, as
		// an empty text.
		{"UACBefore", "2", uacKey, "Before", "[UACBEFORE]", cUAC},
		{"UACSet", "2", uacKey, "Set", "#1", cUAC},
		{"UACDeny", "2", policyKey, "ConsentPromptBehaviorUser", "#0", cUAC},
		{"TrayAtLogIn", "2", runKey, "Assent", tray, cTray},
	}}
	for _, class := range classes() {
		id, key := strings.ReplaceAll(class, ".", ""), `SOFTWARE\Classes\`+class+`\shell\Assent`
		t.rows = append(t.rows,
			[]string{"Verb" + id, "2", key, "", "Run with Assent", cTray},
			[]string{"VerbIcon" + id, "2", key, "Icon", "[" + programs + "]" + Tray, cTray},
			[]string{"VerbRun" + id, "2", key + `\command`, "", tray + ` request "%1"`, cTray})
	}
	return t
}

func shortcut() table {
	return table{"Shortcut", "Shortcut:s72* Directory_:s72 Name:l128 Component_:s72 Target:s72 Arguments:S255 Description:L255 Hotkey:I2 Icon_:S72 IconIndex:I2 ShowCmd:I2 WkDir:S72", [][]string{
		{"StartMenu", "ProgramMenuFolder", "Assent", cTray, "[" + programs + "]" + Tray, "", "Ask to run something as an administrator", "", "", "", "1", programs}}}
}

func locks() table {
	return table{"MsiLockPermissionsEx", "MsiLockPermissionsEx:s72* LockObject:s72 Table:s32 SDDLText:s0 Condition:S255", [][]string{
		{"LockEnroll", "EnrollToken", "Registry", keySDDL, ""}}}
}

func (p Package) upgrade() []table {
	version := ProductVersion(p.Version)
	return []table{{"Upgrade", "UpgradeCode:s38* VersionMin:S20* VersionMax:S20* Language:S255* Attributes:i4* Remove:S255 ActionProperty:s72", [][]string{
		{upgradeCode, "0.0.0", version, "", "769", "", "OLDERFOUND"}, // this version too: two builds of it replace each other
		{upgradeCode, version, "", "", "2", "", "NEWERFOUND"}}}}      // 2: only looked for
}

// conditions say when nothing is installed at all.
func conditions() []table {
	return []table{
		{"LaunchCondition", "Condition:s255* Description:l255", [][]string{
			{"Installed OR VersionNT64 >= 603", "Assent needs Windows 10 or newer, with 64 bit."},
			{"Installed OR NOT NEWERFOUND", "A newer version of Assent is installed. Nothing was changed."},
			// People can repair a package without being asked who they are, and say these.
			{"NOT Installed OR NOT (CONTROLLER_URL OR ENROLL_TOKEN OR LABELS OR UAC_DENY)", "Assent is installed. A repair takes no controller and no token: assent-agent enroll does."},
			{`NOT UAC_DENY OR UAC_DENY="1"`, "UAC_DENY is 1, or it is not given."},
			// Somebody who made the folder first would own what is in it.
			{"Installed OR KEEP_DATA OR NOT DATAFOLDER OR DATAKNOWN",
				`C:\ProgramData\Assent is there, and no installation of Assent made it. Nothing was changed. Look who made it and remove it; KEEP_DATA=1 goes on all the same.`}}},
		{"AppSearch", "Property:s72* Signature_:s72*", [][]string{{"DATAFOLDER", "DataFolder"}, {"DATAKNOWN", "DataKnown"}, {"UACBEFORE", "UACBefore"}, {"UACSET", "UACSet"}}},
		{"DrLocator", "Signature_:s72* Parent:S72* Path:S255* Depth:I2", [][]string{{"DataFolder", "", "[CommonAppDataFolder]Assent", "0"}}},
		{"RegLocator", "Signature_:s72* Root:i2 Key:s255 Name:S255 Type:I2", [][]string{
			{"DataKnown", "2", ownKey, "Data", "18"}, {"UACSet", "2", uacKey, "Set", "18"}, {"UACBefore", "2", policyKey, "ConsentPromptBehaviorUser", "18"}}},
		{"Signature", "Signature:s72* FileName:s255 MinVersion:S20 MaxVersion:S20 MinSize:I4 MaxSize:I4 MinDate:I4 MaxDate:I4 Languages:S255", nil},
		{"CustomAction", "Action:s72* Type:i2 Source:S72 Target:S255", [][]string{{"Undo", strconv.Itoa(undoType), fileKey(Undo), ""}}},
		// What is written to the registry is not told to the log: the token is part of it.
		{"ActionText", "Action:s72* Description:L64 Template:L128", [][]string{
			{"WriteRegistryValues", "Writing registry values", "Key: [1], Name: [2]"},
			{"RemoveRegistryValues", "Removing registry values", "Key: [1], Name: [2]"}}},
	}
}

func sequences() []table {
	const columns = "Action:s72* Condition:S255 Sequence:I2"
	sequence := func(name, actions string) table {
		t := table{name: name, columns: columns}
		for action := range strings.FieldsSeq(actions) {
			at, what, _ := strings.Cut(action, ":")
			condition := ""
			if what == "Undo" {
				condition = `REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE`
			}
			t.rows = append(t.rows, []string{what, condition, at})
		}
		return t
	}
	return []table{
		sequence("InstallExecuteSequence", `25:FindRelatedProducts 50:AppSearch 100:LaunchConditions 700:ValidateProductID 800:CostInitialize 900:FileCost
			1000:CostFinalize 1200:MigrateFeatureStates 1400:InstallValidate 1500:InstallInitialize 1501:RemoveExistingProducts 1600:ProcessComponents
			1800:UnpublishFeatures 1900:StopServices 1950:Undo 2000:DeleteServices 2600:RemoveRegistryValues 3200:RemoveShortcuts 3500:RemoveFiles
			4000:InstallFiles 4500:CreateShortcuts 5000:WriteRegistryValues 5800:InstallServices 5900:StartServices
			6000:RegisterUser 6100:RegisterProduct 6300:PublishFeatures 6400:PublishProduct 6600:InstallFinalize`),
		sequence("InstallUISequence", `25:FindRelatedProducts 50:AppSearch 100:LaunchConditions 700:ValidateProductID 800:CostInitialize 900:FileCost
			1000:CostFinalize 1200:MigrateFeatureStates 1300:ExecuteAction`),
		sequence("AdminExecuteSequence", `800:CostInitialize 900:FileCost 1000:CostFinalize 1400:InstallValidate 1500:InstallInitialize
			3900:InstallAdminPackage 4000:InstallFiles 6600:InstallFinalize`),
		sequence("AdvtExecuteSequence", `800:CostInitialize 1000:CostFinalize 1400:InstallValidate 1500:InstallInitialize 6300:PublishFeatures
			6400:PublishProduct 6600:InstallFinalize`),
	}
}

// summary is what Windows reads before it opens the package. 500 is the version of
// Windows Installer that the access lists need, 2 stands for one compressed cabinet.
func (p Package) summary() table {
	at := p.Date.UTC().Format("2006/01/02 15:04:05")
	rows := [][]string{{"1", "1252"}, {"2", "Installation Database"}, {"3", "Assent " + p.Version}, {"4", "The Assent project"}, {"5", "Installer"},
		{"6", "Elevation on request: the agent of an endpoint"}, {"7", fmt.Sprintf("%s;1033", platforms()[p.Arch])}, {"9", p.packageCode()},
		{"12", at}, {"13", at}, {"14", "500"}, {"15", "2"}, {"18", "Assent"}, {"19", "2"}}
	return table{"_SummaryInformation", "PropertyId:i2* Value:l255", rows}
}
