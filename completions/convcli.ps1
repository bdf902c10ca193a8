# PowerShell completion for convcli; completions/generate.py writes it from its template.

Register-ArgumentCompleter -Native -CommandName convcli -ScriptBlock {
    param($typed, $ast, $cursor)

    # Options by command; = takes a value, =* more than once.
    $options = @{
        '' = @(
            @{ names = @('-V', '--version'); kind = ''; help = 'Show the version and exit.' }
            @{ names = @('--completion'); kind = '='; help = 'Print the completion script of a shell and exit.' }
            @{ names = @('-h', '--help'); kind = ''; help = 'Show this message and exit.' }
        )
        'shape' = @(
            @{ names = @('-n', '--size'); kind = '='; help = 'Input size: 8 (a square image), 8x6, 16x224x224; sweeps 32,64 or 8..64..8.' }
            @{ names = @('-f', '--filter'); kind = '='; help = 'Filter size; for run, the size of a random filter or of pooling windows.' }
            @{ names = @('-p', '--padding'); kind = '='; help = 'Padding on each side: 1, 2x1, BEGIN:END, or valid, same, same-lower, full, causal.' }
            @{ names = @('-s', '--stride'); kind = '='; help = 'Stride (default: 1; for pooling, the filter size).' }
            @{ names = @('-d', '--dilation'); kind = '='; help = 'Dilation (default: 1).' }
            @{ names = @('--dims'); kind = '='; help = 'Number of spatial axes, where single numbers do not say it (default: 2).' }
            @{ names = @('--transposed'); kind = ''; help = 'A transposed convolution.' }
            @{ names = @('--output-padding'); kind = '='; help = 'Extra output at the end of a transposed convolution.' }
            @{ names = @('--pool'); kind = '='; help = 'Pooling instead of a convolution: the maximum or the mean of each window.' }
            @{ names = @('--ceil'); kind = ''; help = 'Round the size of a pooling layer up.' }
            @{ names = @('-c', '--channels'); kind = '='; help = 'Channels; adds parameters, MACs and FLOPs.' }
            @{ names = @('-g', '--groups'); kind = '='; help = 'Groups of channels (default: 1).' }
            @{ names = @('--no-bias'); kind = ''; help = 'A layer without bias.' }
            @{ names = @('-l', '--layer'); kind = '=*'; help = 'A layer of a stack, such as ''conv f=7 s=2 p=3 c=64''; one -l for each layer.' }
            @{ names = @('--layers'); kind = '='; help = 'The same as NETWORK: a file, or - for standard input.' }
            @{ names = @('--list-networks'); kind = ''; help = 'Show the built-in networks.' }
            @{ names = @('--all'); kind = ''; help = 'A row for every node of a network, pointwise layers too.' }
            @{ names = @('--solve'); kind = '='; help = 'Find every n, f, p or s that gives the size --out.' }
            @{ names = @('--out'); kind = '='; help = 'Wanted output size, with --solve.' }
            @{ names = @('--explain'); kind = ''; help = 'Explain the size: the formula step by step, the windows, how often each pixel is read; for a stack, how its receptive field grows. With -o, a picture.' }
            @{ names = @('--animate'); kind = ''; help = 'Slide the window over the input; space pauses, arrows step, + and - set the speed. With -o, a .gif or an animated .svg.' }
            @{ names = @('--frame'); kind = '='; help = 'With --animate -o conv.png, .svg or .tex: the frame to write, for print.' }
            @{ names = @('-o', '--output'); kind = '='; help = 'Write what --explain or --animate shows to a picture, whose ending says the format: .svg, .png, .tex, .html (a page that computes), .gif.' }
            @{ names = @('--format'); kind = '='; help = 'Output format (default: table on a terminal, plain in a pipe).' }
            @{ names = @('--fields'); kind = '='; help = 'Keys of JSON or columns of CSV, in this order, such as layer,output,macs.' }
            @{ names = @('--color'); kind = '='; help = 'Colors: auto (on a terminal, unless NO_COLOR is set), always or never.' }
            @{ names = @('-h', '--help'); kind = ''; help = 'Show this message and exit.' }
        )
        'run' = @(
            @{ names = @('-k', '--kernel'); kind = '='; help = 'Filter: a name such as sobel-x or gaussian:5:1.0, a literal [[0,1],[2,3]], or anything that can be an input; model.onnx::NODE and model.pt2::NAME are layers with their bias, stride and padding.' }
            @{ names = @('--list-kernels'); kind = ''; help = 'Show the named filters with their numbers; with -k FILE, the layers of a model or the members of a file.' }
            @{ names = @('--seed'); kind = '='; help = 'Seed of random numbers.' }
            @{ names = @('--layout'); kind = '='; help = 'A letter for each axis of the input, such as HWC (default: the last of NCDHW).' }
            @{ names = @('--bias'); kind = '='; help = 'Added to each output channel: a number, a list, a file or a member.' }
            @{ names = @('--dtype'); kind = '='; help = 'Type of the output''s numbers.' }
            @{ names = @('-f', '--filter'); kind = '='; help = 'Filter size; for run, the size of a random filter or of pooling windows.' }
            @{ names = @('-p', '--padding'); kind = '='; help = 'Padding on each side: 1, 2x1, BEGIN:END, or valid, same, same-lower, full, causal.' }
            @{ names = @('--pad-mode'); kind = '='; help = 'What padding holds: zeros, reflect, symmetric, replicate, circular, or NumPy''s or SciPy''s name for it.' }
            @{ names = @('-s', '--stride'); kind = '='; help = 'Stride (default: 1; for pooling, the filter size).' }
            @{ names = @('-d', '--dilation'); kind = '='; help = 'Dilation (default: 1).' }
            @{ names = @('--flip'); kind = ''; help = 'Flip the filter: convolution as defined in mathematics.' }
            @{ names = @('--dims'); kind = '='; help = 'Number of spatial axes, where single numbers do not say it (default: 2).' }
            @{ names = @('--transposed'); kind = ''; help = 'A transposed convolution.' }
            @{ names = @('--output-padding'); kind = '='; help = 'Extra output at the end of a transposed convolution.' }
            @{ names = @('--pool'); kind = '='; help = 'Pooling instead of a convolution: the maximum or the mean of each window.' }
            @{ names = @('--ceil'); kind = ''; help = 'Round the size of a pooling layer up.' }
            @{ names = @('-c', '--channels'); kind = '='; help = 'A new layer: random weights and bias for these channels, with -f.' }
            @{ names = @('-g', '--groups'); kind = '='; help = 'Groups of channels (default: 1).' }
            @{ names = @('--no-bias'); kind = ''; help = 'A layer without bias.' }
            @{ names = @('--device'); kind = '='; help = 'Device: cpu, auto (the best one available), or any that PyTorch has.' }
            @{ names = @('--engine'); kind = '='; help = 'Library that convolves.' }
            @{ names = @('--method'); kind = '='; help = 'How the engine convolves; auto takes the lowest estimated cost.' }
            @{ names = @('--tf32'); kind = ''; help = 'Let a GPU round float32 to TF32.' }
            @{ names = @('--threads'); kind = '='; help = 'Threads on the CPU (default: one per core).' }
            @{ names = @('--memory'); kind = '='; help = 'Memory for a block of input and output.' }
            @{ names = @('--workers'); kind = '='; help = 'Processes on this machine that convolve blocks of stored arrays; with -o y.zarr.' }
            @{ names = @('--scheduler'); kind = '='; help = 'Dask scheduler whose workers convolve blocks of stored arrays; with -o y.zarr.' }
            @{ names = @('-o', '--output'); kind = '='; help = 'Write to a file, whose ending says the format, to a directory/, or to a chunked store y.zarr; - is standard output. With --explain, --animate or --plot, a .svg, .png or .tex, or a .gif of --animate, is the picture, not the array, unless --output-format is given.' }
            @{ names = @('--chunks'); kind = '='; help = 'Chunks of an output in a store (default: those of the input, divided by the stride).' }
            @{ names = @('--resume'); kind = ''; help = 'Continue the output of a run into a store that was ended.' }
            @{ names = @('--overwrite'); kind = ''; help = 'Replace what is in a store that cannot keep it until the end.' }
            @{ names = @('--output-format'); kind = '='; help = 'Format of the output, whatever the ending: npy, npz, csv, tsv, txt, png, jpg, tif...' }
            @{ names = @('--scale'); kind = '='; help = 'How values become those of an image. By default those within the input''s range are kept; where some are outside, clip if the filter sums to 1, else minmax. abs: magnitudes; signed: 0 is mid-grey. clip with --dtype uint8 is for any output.' }
            @{ names = @('--format'); kind = '='; help = 'Format of the report. With json, standard output carries the report, and the array goes where -o says.' }
            @{ names = @('-q', '--quiet'); kind = ''; help = 'No report; notes on what is not read remain.' }
            @{ names = @('-v', '--verbose'); kind = ''; help = 'Report also how axes were read, the method and its estimate.' }
            @{ names = @('--explain'); kind = ''; help = 'Explain the size: the formula step by step, the windows, how often each pixel is read; for a stack, how its receptive field grows. With -o, a picture.' }
            @{ names = @('--animate'); kind = ''; help = 'Slide the window over the input; space pauses, arrows step, + and - set the speed. With -o, a .gif or an animated .svg.' }
            @{ names = @('--frame'); kind = '='; help = 'With --animate -o conv.png, .svg or .tex: the frame to write, for print.' }
            @{ names = @('--plot'); kind = ''; help = 'Draw input, filter and output, with a scale.' }
            @{ names = @('--verify'); kind = ''; help = 'Recompute outputs independently; fail if they differ.' }
            @{ names = @('--time'); kind = '='; help = 'Run N more times and report the median.' }
            @{ names = @('--color'); kind = '='; help = 'Colors: auto (on a terminal, unless NO_COLOR is set), always or never.' }
            @{ names = @('-h', '--help'); kind = ''; help = 'Show this message and exit.' }
        )
    }
    # What is known of values, by "COMMAND OPTION", or "COMMAND" for its arguments.
    $words = @{
        '' = 'shape', 'run'
        ' --completion' = 'bash', 'zsh', 'fish', 'powershell'
        'shape' = 'alexnet', 'c3d', 'convnext_tiny', 'densenet121', 'efficientnet_b0', 'googlenet', 'inception_v3', 'lenet5', 'mobilenet_v1', 'mobilenet_v2', 'resnet101', 'resnet152', 'resnet18', 'resnet34', 'resnet50', 'squeezenet1_1', 'unet', 'vgg11', 'vgg16', 'vgg19', 'wavenet'
        'shape --padding' = 'valid', 'same', 'same-lower', 'full', 'causal'
        'shape --dims' = '1', '2', '3'
        'shape --pool' = 'max', 'avg'
        'shape --solve' = 'n', 'f', 'p', 's'
        'shape --format' = 'table', 'plain', 'json', 'csv'
        'shape --fields' = 'kind', 'name', 'layer', 'input', 'filter', 'stride', 'padding', 'dilation', 'output_padding', 'ceil_mode', 'output', 'channels_in', 'channels_out', 'groups', 'bias', 'parameters', 'macs', 'flops', 'receptive_field', 'jump', 'effective_padding', 'unread', 'unread_end', 'effective_filter', 'field_exact'
        'shape --color' = 'auto', 'always', 'never'
        'run' = 'rand:', 'randn:', 'arange:', 'ones:', 'zeros:'
        'run --kernel' = 'identity', 'box', 'gaussian', 'sobel-x', 'sobel-y', 'scharr-x', 'scharr-y', 'prewitt-x', 'prewitt-y', 'laplacian', 'log', 'sharpen', 'emboss', 'sobel', 'scharr', 'prewitt', 'rand:', 'randn:', 'arange:', 'ones:', 'zeros:'
        'run --layout' = 'HW', 'CHW', 'HWC', 'NCHW', 'NHWC', 'W', 'CW', 'NCW', 'DHW', 'CDHW', 'NCDHW'
        'run --dtype' = 'float16', 'float32', 'float64', 'complex64', 'complex128', 'uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64'
        'run --padding' = 'valid', 'same', 'same-lower', 'full', 'causal'
        'run --pad-mode' = 'zeros', 'reflect', 'symmetric', 'replicate', 'circular', 'constant', 'grid-constant', 'mirror', 'grid-mirror', 'scipy-reflect', 'edge', 'nearest', 'wrap', 'grid-wrap'
        'run --dims' = '1', '2', '3'
        'run --pool' = 'max', 'avg'
        'run --device' = 'cpu', 'auto', 'cuda', 'mps', 'xpu'
        'run --engine' = 'auto', 'numpy', 'torch'
        'run --method' = 'auto', 'gemm', 'separable', 'fft', 'opencv', 'opencv-separable', 'opencv-fft', 'shift', 'max', 'conv', 'fold'
        'run --output-format' = 'npy', 'npz', 'csv', 'tsv', 'txt', 'png', 'jpg', 'jpeg', 'bmp', 'gif', 'tif', 'tiff', 'webp', 'ppm', 'pgm'
        'run --scale' = 'clip', 'minmax', 'abs', 'signed'
        'run --format' = 'table', 'plain', 'json'
        'run --color' = 'auto', 'always', 'never'
    }
    $files = @{
        'shape' = 'any'
        'shape --layers' = 'any'
        'shape --output' = 'any'
        'run' = 'arrays'
        'run --kernel' = 'filters'
        'run --bias' = 'arrays'
        'run --output' = 'any'
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
        'arrays' { '\.(npy|bmp|csv|gif|jpeg|jpg|npz|pgm|png|ppm|pt|pth|safetensors|tif|tiff|tsv|txt|webp|zarr)$', '^(.+\.(?:npz|pt|pth|safetensors|zarr))::' }
        'filters' { '\.(npy|bmp|csv|gif|jpeg|jpg|npz|pgm|png|ppm|pt|pth|safetensors|tif|tiff|tsv|txt|webp|zarr|onnx|pt2)$', '^(.+\.(?:npz|pt|pth|safetensors|zarr|onnx|pt2))::' }
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
