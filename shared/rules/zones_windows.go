package rules

import _ "time/tzdata" // Windows has no list of time zones: rules and bundles name them
