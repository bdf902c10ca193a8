# fish completion for convcli; completions/generate.py writes it from its template.

function __convcli_at -d 'COMMAND [=] NAME...: is it typed, and none of these options given?'
    set -l words (commandline -opc)
    set -e words[1]
    set -l names $argv[2..]
    if test "$names[1]" = "=" # it takes a value: while that is typed, the last word is its name
        contains -- "$words[-1]" $names
        and set -e words[-1]
    end
    set -l command (string match -v -- '-*' $words)[1]
    test "$command" = "$argv[1]"
    or return
    for word in (string replace -r -- '^(--[^=]+)=.*|^(-[^-]).+' '$1$2' $words)
        contains -- $word $names
        and return 1
    end
    return 0
end

function __convcli_arrays -d 'Files that hold arrays, their members, and directories'
    __convcli_files 'npy|bmp|csv|gif|jpeg|jpg|npz|pgm|png|ppm|pt|pth|safetensors|tif|tiff|tsv|txt|webp|zarr' 'npz|pt|pth|safetensors|zarr'
end

function __convcli_filters -d 'Files that hold arrays or models, their members, and directories'
    __convcli_files 'npy|bmp|csv|gif|jpeg|jpg|npz|pgm|png|ppm|pt|pth|safetensors|tif|tiff|tsv|txt|webp|zarr|onnx|pt2' 'npz|pt|pth|safetensors|zarr|onnx|pt2'
end

function __convcli_files -d 'ENDINGS ENDINGS: files, or of one of the second its members'
    set -l typed (string replace -r -- '^(--[^=]+=|-[^-])' '' (commandline -ct))
    if string match -qri -- "\.(?:$argv[2])::" $typed # the one case in which Python is started
        set -l program (string replace -r -- '^~/' ~/ (commandline -opc)[1])
        set -l start (string split -m 1 -- :: $typed)[1]
        set -l file (string replace -r -- '^~/' ~/ (string unescape -- $start))
        for line in ($program run --list-kernels -k $file --format plain </dev/null 2>/dev/null)
            printf '%s::%s\n' $start $line
        end
        return
    end
    complete -C "__convcli_no_command $typed" |
        string match -ri -- "^.*(?:/|\.(?:$argv[1]))\$"
end

complete -c convcli -f
complete -c convcli -n "__convcli_at '' -V --version" -s V -l version -d 'Show the version and exit.'
complete -c convcli -n "__convcli_at '' = --completion" -l completion -x -a 'bash zsh fish powershell' -d 'Print the completion script of a shell and exit.'
complete -c convcli -n "__convcli_at '' -h --help" -s h -l help -d 'Show this message and exit.'
complete -c convcli -n "__convcli_at ''" -a shape -d 'Print the output size of a layer, or of a network'
complete -c convcli -n '__convcli_at shape' -rF
complete -c convcli -n "__convcli_at shape = -n --size" -s n -l size -x -d 'Input size: 8 (a square image), 8x6, 16x224x224; sweeps 32,64 or 8..64..8.'
complete -c convcli -n "__convcli_at shape = -f --filter" -s f -l filter -x -d 'Filter size; for run, the size of a random filter or of pooling windows.'
complete -c convcli -n "__convcli_at shape = -p --padding" -s p -l padding -x -a 'valid same same-lower full causal' -d 'Padding on each side: 1, 2x1, BEGIN:END, or valid, same, same-lower, full, causal.'
complete -c convcli -n "__convcli_at shape = -s --stride" -s s -l stride -x -d 'Stride (default: 1; for pooling, the filter size).'
complete -c convcli -n "__convcli_at shape = -d --dilation" -s d -l dilation -x -d 'Dilation (default: 1).'
complete -c convcli -n "__convcli_at shape = --dims" -l dims -x -a '1 2 3' -d 'Number of spatial axes, where single numbers do not say it (default: 2).'
complete -c convcli -n "__convcli_at shape --transposed" -l transposed -d 'A transposed convolution.'
complete -c convcli -n "__convcli_at shape = --output-padding" -l output-padding -x -d 'Extra output at the end of a transposed convolution.'
complete -c convcli -n "__convcli_at shape = --pool" -l pool -x -a 'max avg' -d 'Pooling instead of a convolution: the maximum or the mean of each window.'
complete -c convcli -n "__convcli_at shape --ceil" -l ceil -d 'Round the size of a pooling layer up.'
complete -c convcli -n "__convcli_at shape = -c --channels" -s c -l channels -x -d 'Channels; adds parameters, MACs and FLOPs.'
complete -c convcli -n "__convcli_at shape = -g --groups" -s g -l groups -x -d 'Groups of channels (default: 1).'
complete -c convcli -n "__convcli_at shape --no-bias" -l no-bias -d 'A layer without bias.'
complete -c convcli -n "__convcli_at shape" -s l -l layer -x -d 'A layer of a stack, such as \'conv f=7 s=2 p=3 c=64\'; one -l for each layer.'
complete -c convcli -n "__convcli_at shape = --layers" -l layers -rF -d 'The same as NETWORK: a file, or - for standard input.'
complete -c convcli -n "__convcli_at shape --list-networks" -l list-networks -d 'Show the built-in networks.'
complete -c convcli -n "__convcli_at shape --all" -l all -d 'A row for every node of a network, pointwise layers too.'
complete -c convcli -n "__convcli_at shape = --solve" -l solve -x -a 'n f p s' -d 'Find every n, f, p or s that gives the size --out.'
complete -c convcli -n "__convcli_at shape = --out" -l out -x -d 'Wanted output size, with --solve.'
complete -c convcli -n "__convcli_at shape --explain" -l explain -d 'Explain the size: the formula step by step, the windows, how often each pixel is read; for a stack, how its receptive field grows. With -o, a picture.'
complete -c convcli -n "__convcli_at shape --animate" -l animate -d 'Slide the window over the input; space pauses, arrows step, + and - set the speed. With -o, a .gif or an animated .svg.'
complete -c convcli -n "__convcli_at shape = --frame" -l frame -x -d 'With --animate -o conv.png, .svg or .tex: the frame to write, for print.'
complete -c convcli -n "__convcli_at shape = -o --output" -s o -l output -rF -d 'Write what --explain or --animate shows to a picture, whose ending says the format: .svg, .png, .tex, .html (a page that computes), .gif.'
complete -c convcli -n "__convcli_at shape = --format" -l format -x -a 'table plain json csv' -d 'Output format (default: table on a terminal, plain in a pipe).'
complete -c convcli -n "__convcli_at shape = --fields" -l fields -x -a 'kind name layer input filter stride padding dilation output_padding ceil_mode output channels_in channels_out groups bias parameters macs flops receptive_field jump effective_padding unread unread_end effective_filter field_exact' -d 'Keys of JSON or columns of CSV, in this order, such as layer,output,macs.'
complete -c convcli -n "__convcli_at shape = --color" -l color -x -a 'auto always never' -d 'Colors: auto (on a terminal, unless NO_COLOR is set), always or never.'
complete -c convcli -n "__convcli_at shape -h --help" -s h -l help -d 'Show this message and exit.'
complete -c convcli -n "__convcli_at ''" -a run -d 'Convolve arrays with a filter'
complete -c convcli -n '__convcli_at run' -x -a 'rand: randn: arange: ones: zeros: (__convcli_arrays)'
complete -c convcli -n "__convcli_at run = -k --kernel" -s k -l kernel -x -a 'identity box gaussian sobel-x sobel-y scharr-x scharr-y prewitt-x prewitt-y laplacian log sharpen emboss sobel scharr prewitt rand: randn: arange: ones: zeros: (__convcli_filters)' -d 'Filter: a name such as sobel-x or gaussian:5:1.0, a literal [[0,1],[2,3]], or anything that can be an input; model.onnx::NODE and model.pt2::NAME are layers with their bias, stride and padding.'
complete -c convcli -n "__convcli_at run --list-kernels" -l list-kernels -d 'Show the named filters with their numbers; with -k FILE, the layers of a model or the members of a file.'
complete -c convcli -n "__convcli_at run = --seed" -l seed -x -d 'Seed of random numbers.'
complete -c convcli -n "__convcli_at run = --layout" -l layout -x -a 'HW CHW HWC NCHW NHWC W CW NCW DHW CDHW NCDHW' -d 'A letter for each axis of the input, such as HWC (default: the last of NCDHW).'
complete -c convcli -n "__convcli_at run = --bias" -l bias -x -a '(__convcli_arrays)' -d 'Added to each output channel: a number, a list, a file or a member.'
complete -c convcli -n "__convcli_at run = --dtype" -l dtype -x -a 'float16 float32 float64 complex64 complex128 uint8 int8 uint16 int16 uint32 int32 uint64 int64' -d 'Type of the output\'s numbers.'
complete -c convcli -n "__convcli_at run = -f --filter" -s f -l filter -x -d 'Filter size; for run, the size of a random filter or of pooling windows.'
complete -c convcli -n "__convcli_at run = -p --padding" -s p -l padding -x -a 'valid same same-lower full causal' -d 'Padding on each side: 1, 2x1, BEGIN:END, or valid, same, same-lower, full, causal.'
complete -c convcli -n "__convcli_at run = --pad-mode" -l pad-mode -x -a 'zeros reflect symmetric replicate circular constant grid-constant mirror grid-mirror scipy-reflect edge nearest wrap grid-wrap' -d 'What padding holds: zeros, reflect, symmetric, replicate, circular, or NumPy\'s or SciPy\'s name for it.'
complete -c convcli -n "__convcli_at run = -s --stride" -s s -l stride -x -d 'Stride (default: 1; for pooling, the filter size).'
complete -c convcli -n "__convcli_at run = -d --dilation" -s d -l dilation -x -d 'Dilation (default: 1).'
complete -c convcli -n "__convcli_at run --flip" -l flip -d 'Flip the filter: convolution as defined in mathematics.'
complete -c convcli -n "__convcli_at run = --dims" -l dims -x -a '1 2 3' -d 'Number of spatial axes, where single numbers do not say it (default: 2).'
complete -c convcli -n "__convcli_at run --transposed" -l transposed -d 'A transposed convolution.'
complete -c convcli -n "__convcli_at run = --output-padding" -l output-padding -x -d 'Extra output at the end of a transposed convolution.'
complete -c convcli -n "__convcli_at run = --pool" -l pool -x -a 'max avg' -d 'Pooling instead of a convolution: the maximum or the mean of each window.'
complete -c convcli -n "__convcli_at run --ceil" -l ceil -d 'Round the size of a pooling layer up.'
complete -c convcli -n "__convcli_at run = -c --channels" -s c -l channels -x -d 'A new layer: random weights and bias for these channels, with -f.'
complete -c convcli -n "__convcli_at run = -g --groups" -s g -l groups -x -d 'Groups of channels (default: 1).'
complete -c convcli -n "__convcli_at run --no-bias" -l no-bias -d 'A layer without bias.'
complete -c convcli -n "__convcli_at run = --device" -l device -x -a 'cpu auto cuda mps xpu' -d 'Device: cpu, auto (the best one available), or any that PyTorch has.'
complete -c convcli -n "__convcli_at run = --engine" -l engine -x -a 'auto numpy torch' -d 'Library that convolves.'
complete -c convcli -n "__convcli_at run = --method" -l method -x -a 'auto gemm separable fft opencv opencv-separable opencv-fft shift max conv fold' -d 'How the engine convolves; auto takes the lowest estimated cost.'
complete -c convcli -n "__convcli_at run --tf32" -l tf32 -d 'Let a GPU round float32 to TF32.'
complete -c convcli -n "__convcli_at run = --threads" -l threads -x -d 'Threads on the CPU (default: one per core).'
complete -c convcli -n "__convcli_at run = --memory" -l memory -x -d 'Memory for a block of input and output.'
complete -c convcli -n "__convcli_at run = --workers" -l workers -x -d 'Processes on this machine that convolve blocks of stored arrays; with -o y.zarr.'
complete -c convcli -n "__convcli_at run = --scheduler" -l scheduler -x -d 'Dask scheduler whose workers convolve blocks of stored arrays; with -o y.zarr.'
complete -c convcli -n "__convcli_at run = -o --output" -s o -l output -rF -d 'Write to a file, whose ending says the format, to a directory/, or to a chunked store y.zarr; - is standard output. With --explain, --animate or --plot, a .svg, .png or .tex, or a .gif of --animate, is the picture, not the array, unless --output-format is given.'
complete -c convcli -n "__convcli_at run = --chunks" -l chunks -x -d 'Chunks of an output in a store (default: those of the input, divided by the stride).'
complete -c convcli -n "__convcli_at run --resume" -l resume -d 'Continue the output of a run into a store that was ended.'
complete -c convcli -n "__convcli_at run --overwrite" -l overwrite -d 'Replace what is in a store that cannot keep it until the end.'
complete -c convcli -n "__convcli_at run = --output-format" -l output-format -x -a 'npy npz csv tsv txt png jpg jpeg bmp gif tif tiff webp ppm pgm' -d 'Format of the output, whatever the ending: npy, npz, csv, tsv, txt, png, jpg, tif...'
complete -c convcli -n "__convcli_at run = --scale" -l scale -x -a 'clip minmax abs signed' -d 'How values become those of an image. By default those within the input\'s range are kept; where some are outside, clip if the filter sums to 1, else minmax. abs: magnitudes; signed: 0 is mid-grey. clip with --dtype uint8 is for any output.'
complete -c convcli -n "__convcli_at run = --format" -l format -x -a 'table plain json' -d 'Format of the report. With json, standard output carries the report, and the array goes where -o says.'
complete -c convcli -n "__convcli_at run -q --quiet" -s q -l quiet -d 'No report; notes on what is not read remain.'
complete -c convcli -n "__convcli_at run -v --verbose" -s v -l verbose -d 'Report also how axes were read, the method and its estimate.'
complete -c convcli -n "__convcli_at run --explain" -l explain -d 'Explain the size: the formula step by step, the windows, how often each pixel is read; for a stack, how its receptive field grows. With -o, a picture.'
complete -c convcli -n "__convcli_at run --animate" -l animate -d 'Slide the window over the input; space pauses, arrows step, + and - set the speed. With -o, a .gif or an animated .svg.'
complete -c convcli -n "__convcli_at run = --frame" -l frame -x -d 'With --animate -o conv.png, .svg or .tex: the frame to write, for print.'
complete -c convcli -n "__convcli_at run --plot" -l plot -d 'Draw input, filter and output, with a scale.'
complete -c convcli -n "__convcli_at run --verify" -l verify -d 'Recompute outputs independently; fail if they differ.'
complete -c convcli -n "__convcli_at run = --time" -l time -x -d 'Run N more times and report the median.'
complete -c convcli -n "__convcli_at run = --color" -l color -x -a 'auto always never' -d 'Colors: auto (on a terminal, unless NO_COLOR is set), always or never.'
complete -c convcli -n "__convcli_at run -h --help" -s h -l help -d 'Show this message and exit.'
