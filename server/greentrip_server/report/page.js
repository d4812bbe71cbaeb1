function draw(id,data,layout,map){Plotly.newPlot(id,data,layout,{responsive:true,displaylogo:false,displayModeBar:map?true:false,
modeBarButtonsToRemove:["select2d","lasso2d","toImage","autoScale2d"],scrollZoom:false})}
window.addEventListener("beforeprint",function(){document.querySelectorAll(".plot").forEach(function(d){
Plotly.relayout(d,{width:680})})});
window.addEventListener("afterprint",function(){document.querySelectorAll(".plot").forEach(function(d){
Plotly.relayout(d,{width:null,autosize:true})})});
