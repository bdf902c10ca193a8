# PowerShell completion for convcli; @WRITTEN@

Register-ArgumentCompleter -Native -CommandName convcli -ScriptBlock {
    param($typed, $ast, $cursor)

    # Options by command; = takes a value, =* more than once.
    $options = @{
@OPTIONS@
    }
    # What is known of values, by "COMMAND OPTION", or "COMMAND" for its arguments.
    $words = @{
@WORDS@
    }
    $files = @{
@FILES@
    }

    $command, $option, $given = '', $null, @()
    $before = $ast.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursor } | ForEach-Object { $_.ToString() }
    foreach ($word in $before) {
        if ($option) { $option = $null; continue } # this is its value
        if ($word -notlike '-?*') {
            if (-not $command) { $command, $given = $word, @() }
            continue
        }
        $name = if ($word -like '--*') { ($word -split '=', 2)[0] } else { $word.Substring(0, 2) }
        $found = $options[$command] | Where-Object { $_.names -ccontains $name }
        if (-not $found) { continue }
        if ($found.kind -ne '=*') { $given += $found.names }
        if ($found.kind -and $word -eq $name) { $option = $found.names[-1] }
    }

    $prefix, $place = '', $command
    if ($option) {
        $place = "$command $option"
    } elseif ($typed -match '^(--[^=]+)=') {
        $prefix, $place = $Matches[0], "$command $($Matches[1])"
    } elseif ($typed -like '-*' -or -not ($words.ContainsKey($place) -or $files.ContainsKey($place))) {
        foreach ($each in $options[$command]) {
            foreach ($name in $each.names) {
                if ($name -like "$typed*" -and $given -cnotcontains $name) {
                    [Management.Automation.CompletionResult]::new(
                        $name, $name, 'ParameterName', $each.help)
                }
            }
        }
        return
    }

    $start = $typed.Substring($prefix.Length)
    foreach ($word in $words[$place]) {
        if ($word -like "$start*") {
            [Management.Automation.CompletionResult]::new(
                "$prefix$word", $word, 'ParameterValue', $word)
        }
    }
    $kind = $files[$place]
    $pattern, $archives = switch ($kind) {
        'any' { '.', '^$' }
        'arrays' { '\.(@ENDINGS@)$', '^(.+\.(?:@ARCHIVES@))::' }
        'filters' { '\.(@ENDINGS@|@MODELS@)$', '^(.+\.(?:@ARCHIVES@|@MODELS@))::' }
    }
    if ($kind -and $start -match $archives) { # the one case in which Python is started
        $file = $Matches[1]
        & $ast.CommandElements[0].ToString() run --list-kernels -k $file --format plain 2>$null |
            ForEach-Object {
                $name, $shape = $_ -split "`t", 2
                $text = "$prefix${file}::$name"
                if ($text.StartsWith($typed)) {
                    # What is in a file must not be run by the shell.
                    if ($text -match '[^\w./:=+~\\-]') { $text = "'$($text -replace "'", "''")'" }
                    [Management.Automation.CompletionResult]::new(
                        $text, $name, 'ParameterValue', "$name $shape")
                }
            }
        return
    }
    if ($kind) {
        [Management.Automation.CompletionCompleters]::CompleteFilename($start) |
            Where-Object { $_.ResultType -eq 'ProviderContainer' -or $_.ListItemText -match $pattern } |
            ForEach-Object {
                [Management.Automation.CompletionResult]::new(
                    $prefix + $_.CompletionText, $_.ListItemText, $_.ResultType, $_.ToolTip)
            }
    }
}
